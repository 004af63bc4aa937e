// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/kernel_complaint.h"

#include <algorithm>
#include <array>

namespace kct {
namespace {

// How the kernel's own checkers begin, or mark, their reports.
constexpr std::array<std::string_view, 14> kComplaints{
    "WARNING: ",                 // WARN_ON, lockdep
    "BUG: ",                     // oops, KASAN, soft lockup, bad page, scheduling while atomic
    "kernel BUG at",             // BUG_ON
    "Oops: ",                    //
    "UBSAN: ",                   //
    "KCSAN: ",                   //
    "general protection fault",  //
    "double fault",              //
    "Kernel panic",              //
    "INFO: task ",               // hung task
    "detected stalls on CPUs",   // RCU
    "self-detected stall",       // RCU
    "INFO: possible",            // lockdep
    "INFO: inconsistent lock state"};

}  // namespace

bool IsKernelComplaint(std::string_view line) {
  return std::any_of(kComplaints.begin(), kComplaints.end(), [&](std::string_view complaint) {
    return line.find(complaint) != std::string_view::npos;
  });
}

}  // namespace kct
