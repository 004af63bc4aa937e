// SPDX-License-Identifier: GPL-2.0-only
// What the threads of a process are doing, as far as the kernel tells.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace kct {

// A line per thread (name, state) and one per frame of its kernel stack. Empty if it is gone.
std::vector<std::string> DescribeThreads(pid_t pid);

}  // namespace kct
