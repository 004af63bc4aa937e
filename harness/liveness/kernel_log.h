// SPDX-License-Identifier: GPL-2.0-only
// KernelLog: the lines that the running kernel logs from now on, and which of them are complaints.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/base/unique_fd.h"

namespace kct {

class KernelLog {
 public:
  // Starts after the newest line there is. Fails where /dev/kmsg may not be read.
  static Result<KernelLog> FromNow();

  // The lines logged since the last call, without their prefix (level, sequence, time). Lines
  // that the kernel dropped because they came too fast are named by a line of our own.
  std::vector<std::string> NewLines();

 private:
  explicit KernelLog(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Whether a line begins a report that something is wrong in the kernel: WARN, BUG, oops, KASAN,
// lockdep, hung task, soft lockup, RCU stall.
bool IsComplaint(std::string_view line);

// The part of `lines` that a person needs: each complaint with what follows it, at most
// `most_lines` in all. Empty if nothing complains.
std::vector<std::string> Complaints(const std::vector<std::string>& lines, std::size_t most_lines);

}  // namespace kct
