// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/model_proof_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "ci/kct/model_proof.h"
#include "ci/kernel/command.h"

namespace kct {
namespace {

constexpr Duration kMostForATrial = 60s;
constexpr unsigned kMostTries = 3;
// A test that hangs only waits for the watchdog, and most planted bugs of races make tests hang.
constexpr unsigned kTrialsPerCpu = 3;

struct Job {
  const PlantedBug* bug;  // nullptr: none
  const TestCase* test;
};

bool Names(const TestCase& test, const std::string& clause) {
  return std::find(test.clauses.begin(), test.clauses.end(), clause) != test.clauses.end();
}

Trial TryOnce(const Job& job, unsigned seed) {
  Command command{.argv = {job.test->program.string(), "--target=model", "--events=2",
                           "--gtest_filter=" + job.test->name, fmt::format("--seed={}", seed)}};
  if (job.bug != nullptr) command.argv.push_back("--plant=" + job.bug->name);
  command.timeout = kMostForATrial;
  const Result<CommandOutput> output = RunCommand(command);
  Trial trial = output ? ReadTrial(output.value().err, output.value().status) : Trial{};
  if (job.bug != nullptr) trial.bug = job.bug->name;
  trial.test = job.test->name;
  return trial;
}

// Calls that race need not meet the bug the first time.
Trial Try(const Job& job) {
  const bool may_miss = job.bug != nullptr && job.test->kind == "race";
  Trial trial = TryOnce(job, 1);
  for (unsigned seed = 2; may_miss && !trial.Failed() && seed <= kMostTries; ++seed) {
    trial = TryOnce(job, seed);
  }
  return trial;
}

// All of them, in their order.
std::vector<Trial> TryAll(const std::vector<Job>& jobs) {
  std::vector<Trial> trials(jobs.size());
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  const unsigned cpus = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < cpus * kTrialsPerCpu; ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < jobs.size(); at = next++) trials[at] = Try(jobs[at]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return trials;
}

// All binaries have the same model: the first one is asked.
Result<std::vector<PlantedBug>> ListBugs(const TestCase& test) {
  const std::string program = test.program.string();
  KCT_TRY(const CommandOutput output, RunCommand({.argv = {program, "--list-bugs"}}));
  if (!output.ok()) return MakeError("{} --list-bugs: {}", program, output.Complaint());
  return ParseBugs(program, output.out);
}

std::vector<Job> JobsFor(const std::vector<PlantedBug>& bugs, const std::vector<TestCase>& tests) {
  std::vector<Job> jobs;
  for (const TestCase& test : tests) jobs.push_back({nullptr, &test});
  for (const PlantedBug& bug : bugs) {
    for (const TestCase& test : tests) {
      if (Names(test, bug.clause)) jobs.push_back({&bug, &test});
    }
  }
  return jobs;
}

}  // namespace

Exit ProveOnModel(const RunOptions& options) {
  const std::variant<Lab, Stop> lab = Lab::Open(options.lab);
  if (const Stop* stop = std::get_if<Stop>(&lab)) return Complain(*stop);
  Result<Selection> selection = Select(std::get<Lab>(lab).tests(), options.selection);
  if (!selection) return Complain({Exit::kUsage, selection.error().message});
  std::vector<TestCase> tests;
  for (const Assignment& assignment : selection->assignments) tests.push_back(assignment.test);
  Result<std::vector<PlantedBug>> bugs = ListBugs(tests[0]);
  if (!bugs) return Complain({Exit::kBug, bugs.error().message});
  if (!selection->left_out.empty() || tests.size() < std::get<Lab>(lab).tests().size()) {
    std::erase_if(*bugs, [&](const PlantedBug& bug) {
      return std::none_of(tests.begin(), tests.end(),
                          [&](const TestCase& test) { return Names(test, bug.clause); });
    });
  }

  const std::vector<Job> jobs = JobsFor(*bugs, tests);
  const std::vector<Trial> trials = TryAll(jobs);
  fmt::print("{}", ProofReport(*bugs, trials));
  const std::vector<std::string> gaps = FindGaps(*bugs, trials);
  for (const std::string& gap : gaps) fmt::print("NOT PROVEN  {}\n", gap);
  fmt::print("{} planted bugs, {} tests, {} runs: {}\n", bugs->size(), tests.size(), trials.size(),
             gaps.empty() ? "every bug is noticed, every test notices one"
                          : fmt::format("{} gaps", gaps.size()));
  return gaps.empty() ? Exit::kNothingNew : Exit::kFindings;
}

}  // namespace kct
