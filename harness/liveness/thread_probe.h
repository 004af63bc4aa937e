// SPDX-License-Identifier: GPL-2.0-only
// ThreadProbe: what the kernel says about a thread of this process, from /proc.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/clock.h"

namespace kct {

class ThreadProbe {
 public:
  explicit ThreadProbe(pid_t tid) : tid_(tid) {}

  // 'R' running, 'S' sleeping, 'D' uninterruptible, …; '?' when the thread is gone.
  char State() const;
  // CPU time used so far, user and kernel, in seconds (the kernel counts in ticks of 1/100 s).
  double CpuSeconds() const;
  // How often the thread gave up the CPU to wait. It grows between one wait and the next.
  uint64_t Waits() const;
  // Functions of the kernel stack, innermost first. Empty while the thread runs, or where we are
  // not allowed to look (root is needed).
  std::vector<std::string> KernelStack() const;
  // Whether the thread sleeps with `function` (a substring of a name) on its kernel stack.
  bool BlockedIn(std::string_view function) const;

 private:
  std::string Read(std::string_view file) const;
  pid_t tid_;
};

// The kernel stack of a thread that runs, for which /proc has none: asks every CPU for a backtrace
// (SysRq-l) and reads the kernel log, again and again until the thread was on a CPU at that moment.
// Functions, innermost first; empty if it was not caught by the deadline. Needs root.
std::vector<std::string> StackOfRunningThread(pid_t tid, Instant deadline);

}  // namespace kct
