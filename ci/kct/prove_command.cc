// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/prove_command.h"

#include "ci/kct/can_fail.h"
#include "ci/kct/progress.h"

namespace kct {
namespace {

// What is wrong with a test that was run under its lie; empty if it failed, as it has to.
std::string Shortcoming(const TestResult& result) {
  if (result.verdict == Verdict::kFail || result.verdict == Verdict::kHang) return {};
  const Assignment& assignment = result.assignment;
  return fmt::format("{}: {} under the lie {}{}", assignment.test.name, Name(result.verdict),
                     assignment.lie,
                     result.skip_reason.empty() ? "" : fmt::format(" ({})", result.skip_reason));
}

std::variant<std::vector<std::string>, Stop> RunAll(Lab& lab, const Selection& selection) {
  const Interrupt interrupt;
  ProgressPrinter progress(PrinterForStderr(), selection.assignments.size());
  Runner runner(lab.MakeBoot(interrupt), lab.MakeRunnerOptions(), progress);
  std::vector<std::string> shortcomings;
  for (const Assignment& assignment : selection.assignments) {
    runner.KeepOnly(assignment.mode);
    std::variant<TestResult, Stop> outcome = runner.Run(assignment);
    if (const Stop* stop = std::get_if<Stop>(&outcome)) return *stop;
    const TestResult result = std::get<TestResult>(std::move(outcome));
    progress.Done(result);
    if (const Status written = lab.folder().WriteTest(result); !written) {
      return Stop{Exit::kMachine, written.error().message};
    }
    if (std::string shortcoming = Shortcoming(result); !shortcoming.empty()) {
      shortcomings.push_back(std::move(shortcoming));
    }
  }
  progress.End();
  return shortcomings;
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
    assignment.lie = can_fail.value().at(assignment.test.name);
  }
  if (std::optional<Stop> stop = lab.Equip()) return Complain(*stop);

  const auto outcome = RunAll(lab, selection.value());
  if (const Stop* stop = std::get_if<Stop>(&outcome)) return Complain(*stop);
  const auto& shortcomings = std::get<std::vector<std::string>>(outcome);
  for (const std::string& shortcoming : shortcomings) fmt::print("NOT PROVEN  {}\n", shortcoming);
  fmt::print("{} of {} tests fail under their lie\n",
             selection->assignments.size() - shortcomings.size(), selection->assignments.size());
  return shortcomings.empty() ? Exit::kNothingNew : Exit::kFindings;
}

}  // namespace kct
