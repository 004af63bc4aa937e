// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/run_command.h"

#include <algorithm>
#include <set>
#include <thread>
#include <tuple>

#include "ci/kct/crew.h"
#include "ci/kct/history_judge.h"
#include "ci/kct/mode_comparison.h"
#include "ci/kct/progress.h"
#include "ci/vm/files.h"

namespace kct {
namespace {

void PrintList(const Selection& selection) {
  for (const Assignment& assignment : selection.assignments) {
    const TestCase& test = assignment.test;
    fmt::print("{:<60} {:<7} {:<5} {}\n", test.name, Name(assignment.mode), test.kind,
               fmt::join(test.clauses, " "));
  }
}

// By name, mode and repeat.
auto KeyOf(const Assignment& assignment) {
  return std::tuple(assignment.test.name, assignment.mode, assignment.repeat);
}

// As they were handed out, however many runners there were.
void PutInOrder(const std::vector<Assignment>& assignments, std::vector<TestResult>& results) {
  std::map<decltype(KeyOf(Assignment())), std::size_t> places;
  for (const Assignment& assignment : assignments) {
    places.emplace(KeyOf(assignment), places.size());
  }
  std::ranges::sort(results, {},
                    [&](const TestResult& result) { return places.at(KeyOf(result.assignment)); });
}

// Within each mode those come last that are known to fail: they may spend their machine, and the
// next test would have to wait for a new one.
std::vector<Assignment> InOrderOfRisk(const Lab& lab, std::vector<Assignment> assignments) {
  for (auto mode = assignments.begin(); mode != assignments.end();) {
    const auto next = std::find_if(mode, assignments.end(), [&](const Assignment& assignment) {
      return assignment.mode != mode->mode;
    });
    std::stable_partition(mode, next, [&](const Assignment& one) { return !lab.MayFail(one); });
    mode = next;
  }
  return assignments;
}

// Runs all that is selected; a run that has to stop keeps what it has.
RunReport RunAll(Lab& lab, const Selection& selection, unsigned jobs) {
  RunReport report;
  report.left_out = selection.left_out;
  const Interrupt interrupt;
  const Instant start = Clock::now();
  ProgressPrinter progress(PrinterForStderr(), selection.assignments.size());
  Crew crew(lab.MakeBoot(interrupt), lab.MakeRunnerOptions(), progress, jobs);
  ModeComparison comparison;
  const std::vector<Assignment> order = InOrderOfRisk(lab, selection.assignments);
  report.stopped = crew.Run(order, [&](TestResult seen) -> std::optional<Stop> {
    TestResult judged = WithItsHistoriesJudged(std::move(seen));
    TestResult result = lab.Classify(comparison.Judge(std::move(judged)));
    progress.Done(result);
    const Status written = lab.folder().WriteTest(result);
    report.results.push_back(std::move(result));
    if (!written) return Stop{Exit::kMachine, written.error().message};
    return std::nullopt;
  });
  progress.End();
  comparison.Close(report.results);
  PutInOrder(selection.assignments, report.results);
  report.not_reached = selection.assignments.size() - report.results.size();
  report.facts = lab.Facts();
  if (!crew.release().empty()) report.facts.kernel_release = crew.release();
  report.seconds = Seconds(Clock::now() - start);
  return report;
}

Status WriteReports(const RunReport& report, const RunOptions& options, Lab& lab) {
  KCT_TRY_STATUS(lab.folder().WriteReport(report));
  if (!options.json.empty()) KCT_TRY_STATUS(WriteFile(options.json, JsonReport(report)));
  if (!options.junit.empty()) KCT_TRY_STATUS(WriteFile(options.junit, JunitReport(report)));
  return {};
}

// The initramfs is most of a run folder, and only worth it where somebody has to look again.
void Tidy(const RunOptions& options, Lab& lab, Exit exit) {
  using Leftovers = RunOptions::Leftovers;
  if (options.keep_initramfs == Leftovers::kAlways || exit != Exit::kNothingNew) return;
  std::error_code error;
  std::filesystem::remove(lab.folder().initramfs(), error);
}

}  // namespace

unsigned JobsFor(const RunOptions& options) {
  constexpr unsigned kMost = 8;
  if (options.lab.target == Target::kHost) return 1;
  if (options.jobs != 0) return options.jobs;
  // A deterministic machine is one thread, whatever it has of CPUs.
  const unsigned threads = options.lab.deterministic ? 1 : options.lab.cpus;
  return std::clamp(std::thread::hardware_concurrency() / threads, 1U, kMost);
}

Exit Complain(const Stop& stop) {
  fmt::print(stderr, "kct: {}\n", stop.message);
  return stop.exit;
}

Exit RunTests(const RunOptions& options) {
  std::variant<Lab, Stop> opened = Lab::Open(options.lab);
  if (const Stop* stop = std::get_if<Stop>(&opened)) return Complain(*stop);
  Lab lab = std::get<Lab>(std::move(opened));
  SelectionOptions selection_options = options.selection;
  if (options.lab.target == Target::kHost) selection_options.modes = {Mode::kHost};
  const Result<Selection> selection = Select(lab.tests(), selection_options);
  if (!selection) return Complain({Exit::kUsage, selection.error().message});
  if (options.action == RunOptions::Action::kList) {
    PrintList(selection.value());
    return Exit::kNothingNew;
  }
  if (std::optional<Stop> stop = lab.Equip()) return Complain(*stop);
  RunReport report = RunAll(lab, selection.value(), JobsFor(options));
  report.strictness = options.strictness;
  report.facts.seed = options.selection.seed;
  report.facts.repeat = options.selection.repeat;
  std::set<std::string> modes;
  for (const Assignment& assignment : selection.value().assignments) {
    modes.insert(std::string(Name(assignment.mode)));
  }
  report.facts.modes.assign(modes.begin(), modes.end());
  fmt::print("{}", TextReport(report, ColorsForStdout()));
  std::fflush(stdout);
  if (const Status written = WriteReports(report, options, lab); !written) {
    return Complain({Exit::kMachine, written.error().message});
  }
  const Exit exit =
      report.stopped ? Complain(*report.stopped) : ExitFor(report.results, options.strictness);
  Tidy(options, lab, exit);
  return exit;
}

}  // namespace kct
