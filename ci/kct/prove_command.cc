// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/prove_command.h"

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "ci/kct/can_fail.h"
#include "ci/kct/crew.h"
#include "ci/kct/mode_comparison.h"
#include "ci/kct/progress.h"

namespace kct {
namespace {

// What is wrong with a test that was run under its lie; empty if it failed, as it has to.
std::string Shortcoming(const TestResult& result) {
  if (result.verdict == Verdict::kFail || result.verdict == Verdict::kHang) return {};
  const Assignment& assignment = result.assignment;
  return fmt::format("{}: {} under the lie {}", assignment.test.name, Name(result.verdict),
                     assignment.lie);
}

// A test that runs in more than one mode is proven by any of them: a lie that is the same in both
// would show in neither.
struct Proof {
  std::set<std::string> proven;
  std::map<std::string, std::string> shortcomings;       // of runs, by the name of their test
  std::vector<Assignment> skipped;                       // which of them for good is not known yet
  std::map<std::string, std::set<std::string>> lacking;  // reason of a skip without the lie: tests
};

using Taker = std::function<std::optional<Stop>(const TestResult&)>;

std::optional<Stop> RunEach(Lab& lab, const std::vector<Assignment>& assignments, unsigned jobs,
                            const Taker& take) {
  const Interrupt interrupt;
  ProgressPrinter progress(PrinterForStderr(), assignments.size());
  Crew crew(lab.MakeBoot(interrupt), lab.MakeRunnerOptions(), progress, jobs);
  ModeComparison comparison;
  const auto done = [&](TestResult seen) -> std::optional<Stop> {
    const TestResult result = comparison.Judge(std::move(seen));
    progress.Done(result);
    return take(result);
  };
  if (const std::optional<Stop> stop = crew.Run(assignments, done)) return stop;
  progress.End();
  return std::nullopt;
}

// A test that the kernel skips with its lie and without has nothing to be proven there. One that
// only the lie has skipped has hidden a failure.
std::optional<Stop> LookWithoutTheLie(Lab& lab, unsigned jobs, Proof& proof) {
  std::vector<Assignment> honest;
  for (Assignment assignment : proof.skipped) {
    if (proof.proven.contains(assignment.test.name)) continue;
    assignment.lie.clear();
    honest.push_back(std::move(assignment));
  }
  if (honest.empty()) return std::nullopt;
  return RunEach(lab, honest, jobs, [&](const TestResult& result) -> std::optional<Stop> {
    const std::string& name = result.assignment.test.name;
    if (result.verdict == Verdict::kSkip) {
      proof.lacking[result.skip_reason].insert(name);
    } else {
      proof.shortcomings[name] = fmt::format("{}: only its lie has it skipped", name);
    }
    return std::nullopt;
  });
}

std::variant<Proof, Stop> RunAll(Lab& lab, const Selection& selection, unsigned jobs) {
  Proof proof;
  const auto take = [&](const TestResult& result) -> std::optional<Stop> {
    if (const Status written = lab.folder().WriteTest(result); !written) {
      return Stop{Exit::kMachine, written.error().message};
    }
    const std::string& name = result.assignment.test.name;
    if (result.verdict == Verdict::kSkip) {
      proof.skipped.push_back(result.assignment);
    } else if (std::string shortcoming = Shortcoming(result); !shortcoming.empty()) {
      proof.shortcomings[name] = std::move(shortcoming);
    } else {
      proof.proven.insert(name);
    }
    return std::nullopt;
  };
  if (auto stop = RunEach(lab, selection.assignments, jobs, take)) return *std::move(stop);
  if (auto stop = LookWithoutTheLie(lab, jobs, proof)) return *std::move(stop);
  for (const std::string& name : proof.proven) proof.shortcomings.erase(name);
  return proof;
}

}  // namespace

Exit Prove(const RunOptions& options) {
  std::variant<Lab, Stop> opened = Lab::Open(options.lab);
  if (const Stop* stop = std::get_if<Stop>(&opened)) return Complain(*stop);
  Lab lab = std::get<Lab>(std::move(opened));
  const Result<CanFail> can_fail = ReadCanFail(lab.program_folder());
  if (!can_fail) return Complain({Exit::kUsage, can_fail.error().message});
  if (const Status complete = CheckComplete(can_fail.value(), lab.tests()); !complete) {
    return Complain({Exit::kFindings, complete.error().message});
  }
  Result<Selection> selection = Select(lab.tests(), options.selection);
  if (!selection) return Complain({Exit::kUsage, selection.error().message});
  for (Assignment& assignment : selection->assignments) {
    assignment.lie = LieFor(can_fail.value(), assignment.test.name);
  }
  if (std::optional<Stop> stop = lab.Equip()) return Complain(*stop);

  const auto outcome = RunAll(lab, selection.value(), JobsFor(options));
  if (const Stop* stop = std::get_if<Stop>(&outcome)) return Complain(*stop);
  const auto& [proven, shortcomings, skipped, lacking] = std::get<Proof>(outcome);
  for (const auto& [reason, names] : lacking) {
    fmt::print("Skipped here, with the lie and without: {}\n", reason);
    for (const std::string& name : names) fmt::print("    {}\n", name);
  }
  for (const auto& [name, text] : shortcomings) fmt::print("NOT PROVEN  {}\n", text);
  fmt::print("{} of {} tests fail under their lie\n", proven.size(),
             proven.size() + shortcomings.size());
  return shortcomings.empty() ? Exit::kNothingNew : Exit::kFindings;
}

}  // namespace kct
