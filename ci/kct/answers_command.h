// SPDX-License-Identifier: GPL-2.0-only
// `kct clauses --call`: what a call answers, on a kernel and a type of VM.
#pragma once

#include <string>

#include "ci/kct/exit_status.h"

namespace kct {

struct AnswersOptions {
  std::string call;    // "KVM_PRE_FAULT_MEMORY"
  std::string kernel;  // "6.12"; empty: any
  std::string vm;      // "default"; empty: any
};

// Exit::kUsage if a value is none, Exit::kNothingShown if nothing is known of such a kernel and VM.
Exit PrintAnswers(const AnswersOptions& options);

}  // namespace kct
