// SPDX-License-Identifier: GPL-2.0-only
// `kct run`.
#pragma once

#include "ci/kct/lab.h"
#include "ci/kct/selection.h"

namespace kct {

struct RunOptions {
  LabOptions lab;
  SelectionOptions selection;
  unsigned jobs = 0;  // VMs at a time; 0: as many as this machine has CPUs for
  Strictness strictness = Strictness::kLenient;
  std::filesystem::path json;   // empty: none
  std::filesystem::path junit;  // empty: none
  enum class Action { kRun, kList } action = Action::kRun;
  enum class Leftovers { kWithFindings, kAlways } keep_initramfs = Leftovers::kWithFindings;
};

// How many machines work at the same time. Those that share CPUs take them from each other's races,
// so by default each has its own. A host is one machine.
unsigned JobsFor(const RunOptions& options);

Exit RunTests(const RunOptions& options);

// Says why kct stops, on standard error.
Exit Complain(const Stop& stop);

}  // namespace kct
