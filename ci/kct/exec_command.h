// SPDX-License-Identifier: GPL-2.0-only
// `kct exec`: any program on the kernel under test: a reproducer, a KVM selftest, a benchmark.
#pragma once

#include <string>
#include <vector>

#include "ci/kct/lab.h"

namespace kct {

struct ExecOptions {
  std::vector<std::string> command;  // a program of this machine and its arguments
  unsigned limit_seconds = 600;
};

// Shows what the program prints. Its exit status, or 128 + N for signal N, as shells say it; an
// Exit of kct if it did not get to run to its end.
int Execute(LabOptions lab, const ExecOptions& options);

}  // namespace kct
