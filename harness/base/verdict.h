// SPDX-License-Identifier: GPL-2.0-only
// The verdicts a test can end with, and the exit status of a test process for each.
//
// The first six come from the test process itself; the last two are what the runner says when the
// process could not speak for itself.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace kct {

enum class Verdict {
  kPass,          // every clause the test names was seen to hold
  kSkip,          // this machine lacks something; the reason code says what
  kInconclusive,  // the race did not meet often enough: nothing was shown
  kFail,          // a clause was seen broken, or the kernel log complained
  kHang,          // a call made no progress within its budget
  kHarnessBug,    // kct broke one of its own invariants
  kKernelDied,    // the kernel under test stopped answering, or panicked
  kLost,          // the process ended without a verdict (killed, crashed)
};

struct VerdictInfo {
  Verdict verdict;
  std::string_view name;  // in events, JSON and reports
  int exit_status;        // of the test process
};

inline constexpr std::array<VerdictInfo, 8> kVerdicts{{
    {Verdict::kPass, "pass", 0},
    {Verdict::kSkip, "skip", 77},
    {Verdict::kInconclusive, "inconclusive", 95},
    {Verdict::kFail, "fail", 1},
    {Verdict::kHang, "hang", 98},
    {Verdict::kHarnessBug, "harness-bug", 97},
    {Verdict::kKernelDied, "kernel-died", 99},
    {Verdict::kLost, "lost", 96},
}};

constexpr const VerdictInfo& Info(Verdict verdict) {
  return kVerdicts[static_cast<std::size_t>(verdict)];
}
constexpr std::string_view Name(Verdict verdict) { return Info(verdict).name; }
constexpr int ExitStatus(Verdict verdict) { return Info(verdict).exit_status; }

constexpr std::optional<Verdict> VerdictByName(std::string_view name) {
  for (const VerdictInfo& info : kVerdicts) {
    if (info.name == name) return info.verdict;
  }
  return std::nullopt;
}

// The verdict that an exit status of a test process stands for; kLost for any other status.
constexpr Verdict VerdictByExitStatus(int status) {
  for (const VerdictInfo& info : kVerdicts) {
    if (info.exit_status == status) return info.verdict;
  }
  return Verdict::kLost;
}

// The worse of two, in the order of the enumeration.
constexpr Verdict Worse(Verdict a, Verdict b) { return std::max(a, b); }

static_assert([] {
  for (std::size_t i = 0; i < kVerdicts.size(); ++i) {
    if (kVerdicts[i].verdict != static_cast<Verdict>(i)) return false;
  }
  return true;
}());

}  // namespace kct
