// SPDX-License-Identifier: GPL-2.0-only
// RunReport: the whole of a run, and the ways to write it down. docs/design/runner.md shows them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ci/kct/exit_status.h"
#include "ci/kct/test_result.h"

namespace kct {

// What the run was made of.
struct RunFacts {
  std::string kct_version;
  std::string kernel_spec;     // as one can give it to --kernel again
  std::string kernel_release;  // empty: no machine came up
  std::string kernel_sha256;   // of the image; empty for the target host
  std::string target;          // "vm", "host"
  std::string qemu_version;    // empty for the target host
  std::string emulation;       // "multi", "single"
  std::string host_release;
  std::vector<std::string> modes;
  unsigned cpus = 0;
  std::string memory;
  unsigned slowness = 1;  // how many times longer every limit was
  uint64_t seed = 0;
  unsigned repeat = 1;
  std::string folder;
  std::string rerun;  // "./kct run --kernel …": all that is the same for each finding
};

struct RunReport {
  RunFacts facts;
  std::vector<TestResult> results;
  // Tests that the user's choice of suites, filters and modes left out.
  std::vector<TestCase> left_out;
  // Runs of tests that were to come when the run had to stop.
  std::size_t not_reached = 0;
  std::optional<Stop> stopped;
  double seconds = 0;
  Strictness strictness = Strictness::kLenient;
};

enum class Colors { kOff, kOn };

// The verdict in capitals, in its color.
std::string Shown(Verdict verdict, Colors colors);
// "0x1234", as --seed takes it.
std::string ShownSeed(uint64_t seed);
// How to run exactly this again.
std::string RerunLine(const RunFacts& facts, const Assignment& assignment);
// "12 pass, 1 hang", the worst last.
std::string CountVerdicts(const std::vector<const TestResult*>& results);

// What the run says about a clause.
struct ClauseNews {
  enum class State {
    kChecked,       // a test that names it ended in pass, fail or hang
    kInconclusive,  // tests tried, and showed nothing
    kSkipped,       // `why` has the reason codes
    kLeftOut,       // its tests were not chosen, or not reached
    kUntested,      // `why`: no test can show it on such a machine, or none is written
  };
  std::string_view id;
  std::string_view title;
  State state = State::kUntested;
  std::string why;
};
std::vector<ClauseNews> NewsOfClauses(const RunReport& report);

// What one test has to say, for someone who ran just this one.
std::string TextOfResult(const RunFacts& facts, const TestResult& result);
std::string TextReport(const RunReport& report, Colors colors);
std::string JsonReport(const RunReport& report);
std::string JunitReport(const RunReport& report);

}  // namespace kct
