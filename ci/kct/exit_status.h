// SPDX-License-Identifier: GPL-2.0-only
// What kct's own exit status means.
#pragma once

#include <string>
#include <vector>

#include "ci/kct/test_result.h"

namespace kct {

enum class Exit {
  kNothingNew = 0,     // all passed, skipped, or failed as known
  kFindings = 1,       // failures that are not known
  kUsage = 2,          // bad usage or bad input
  kMachine = 3,        // this machine lacks something: QEMU, disk space, network
  kNothingShown = 4,   // no test ran, or all were skipped
  kHang = 5,           // a new hang among the findings
  kKernelDied = 6,     // the kernel under test died
  kInconclusive = 7,   // nothing new but tests that showed nothing
  kBug = 70,           // a bug of kct
  kInterrupted = 130,  // by ^C or SIGTERM
};

// For --help.
inline constexpr const char* kExitStatusHelp =
    "Exit status: 0 nothing new, 1 findings, 2 bad usage or input, 3 this machine lacks "
    "something,\n"
    "4 nothing was checked, 5 a new hang, 6 the kernel under test died, 7 only inconclusive "
    "besides\n"
    "passes, 70 a bug of kct, 130 interrupted. Several apply: 70, 6, 5, 1, 7, 4 in this order.";

// Why kct can't go on.
struct Stop {
  Exit exit;
  std::string message;  // one line
};

enum class Strictness {
  kLenient,
  // Known failures and unexpected passes count as findings, what the emulator disturbed as
  // inconclusive.
  kStrict,
};

Exit ExitFor(const std::vector<TestResult>& results, Strictness strictness);

}  // namespace kct
