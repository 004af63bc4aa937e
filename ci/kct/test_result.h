// SPDX-License-Identifier: GPL-2.0-only
// TestResult: everything that one run of one test left behind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ci/kct/test_case.h"
#include "harness/base/verdict.h"

namespace kct {

// One run of one test, to be done.
struct Assignment {
  TestCase test;
  Mode mode = Mode::kNpt;
  unsigned repeat = 0;    // 0, 1, …
  uint64_t run_seed = 0;  // with --seed=… and --repeat=1 this run comes again
  uint64_t seed = 0;      // what the test gets
  std::string lie;        // to falsify the kernel's answers with; empty: none
};

struct Failure {
  std::string file;
  int line = 0;
  std::vector<std::string> clauses;  // the ones to blame
  std::string text;
};

struct RaceCount {
  std::string name;
  std::vector<std::string> actors;
  uint64_t rounds = 0;
  uint64_t meetings = 0;
  uint64_t target = 0;
  bool anchored = false;                    // one meeting, brought about by parking one side
  std::map<std::string, uint64_t> answers;  // "prefault: EAGAIN" -> how often
};

struct Hang {
  std::string clause;
  std::string text;
  bool released = false;  // the caller got out, so the kernel is usable
  bool derailed = false;  // a guest ran off its program, to where the kernel under test is
};

// What the judge said of the test's histories, one for each VM.
struct HistoryCount {
  unsigned explained = 0;
  unsigned contradicted = 0;
  unsigned gave_up = 0;
  std::vector<std::string> clauses;         // that the contradictions blame
  std::vector<std::string> contradictions;  // each in words
  std::vector<std::string> doubts;          // why the judge gave up, each time
  double seconds = 0;                       // it took
};

// What a guest saw, which has to be the same in both modes.
struct ReportedView {
  std::string name;   // of what: a part of the test
  std::string value;  // lines of text
  bool operator==(const ReportedView&) const = default;
};

// What the report makes of a verdict.
enum class News {
  kExpected,        // nothing to tell
  kNew,             // a finding
  kKnown,           // fails as the known-failures file says
  kUnexpectedPass,  // passes against what that file says
};

struct TestResult {
  Assignment assignment;
  Verdict verdict = Verdict::kLost;
  double seconds = 0;
  std::vector<Failure> failures;
  std::vector<Hang> hangs;
  std::vector<RaceCount> races;
  std::vector<ReportedView> views;
  std::string skip_reason;  // a code
  std::string skip_text;
  std::vector<std::string> inconclusive;
  std::vector<std::string> notes;
  std::string emulator_artefact;        // what the emulator did to it at first; mostly empty
  std::vector<std::string> complaints;  // of the kernel, while the test ran
  std::string account;                  // what the runner has to add, one line; often empty
  bool machine_spent = false;           // the next test needs a fresh VM

  std::string events;      // as they came, a JSON object a line
  std::string output;      // standard output and error
  std::string history;     // of the calls, as harness/history/text.h has it
  std::string kernel_log;  // lines while the test ran
  std::filesystem::path machine_folder;

  HistoryCount histories;

  News news = News::kExpected;
  std::string known_reason;
};

inline bool IsBad(Verdict verdict) { return verdict >= Verdict::kFail; }

// The clauses that a bad result is evidence against. A test whose process could not speak for
// itself blames all it names.
std::vector<std::string> Blamed(const TestResult& result);

// Bad, and nothing speaks for it but the kernel's log or its death: an emulator can do that too.
bool OnlyTheKernelComplained(const TestResult& result);
// What the emulator is known to do now and then when it has several threads: let a guest run off
// its program; let a kernel stumble over an int3 that it has patched away; stop without a word.
bool LooksLikeTheEmulator(const TestResult& result);

// Two runs of one test on machines that should not differ: the first thing in which they do, in
// words; empty: none. The events have every call and every time stamp of the machine.
std::string DifferenceOf(const TestResult& first, const TestResult& second);

}  // namespace kct
