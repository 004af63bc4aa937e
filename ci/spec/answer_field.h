// SPDX-License-Identifier: GPL-2.0-only
// The field Answer of a clause: what a call answers, and when.
//
//   Answer  KVM_PRE_FAULT_MEMORY EINTR | 0 when a signal comes; EIO when the VM is dead
//   Answer  KVM_CHECK_EXTENSION(KVM_CAP_NR_MEMSLOTS) 32764 when asked
//
// docs/spec/README.md explains it to those who write clauses.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace kct {

struct Answer {
  std::string call;  // "KVM_PRE_FAULT_MEMORY"; "KVM_SET_USER_MEMORY_REGION*": and later versions
  std::vector<std::string> outcomes;  // "EINTR", "0", "EFAULT+KVM_EXIT_MEMORY_FAULT"
  std::string when;                   // without the word itself
};

// No answer for an empty value. An answer without a call belongs to the call before it.
Result<std::vector<Answer>> ParseAnswerField(std::string_view value);

// The errnos, signals and exit reasons among the outcomes.
std::set<std::string> NamesIn(std::span<const Answer> answers);

}  // namespace kct
