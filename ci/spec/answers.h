// SPDX-License-Identifier: GPL-2.0-only
// Answers by call: the clauses as a VMM author asks for them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ci/kernel/version.h"
#include "ci/spec/answer_field.h"
#include "harness/spec/clause.h"

namespace kct {

// "default", and the VM types that the field Needs can name.
std::span<const std::string_view> VmTypes();

struct AnswerQuery {
  std::string call;                     // "KVM_SET_USER_MEMORY_REGION2"
  std::optional<KernelVersion> kernel;  // nothing: any
  std::string vm;                       // one of VmTypes(); empty: any
};

struct FoundAnswer {
  Answer answer;
  const Clause* clause;
  std::string kernel;  // what the clause says of the kernel asked for; empty: as claimed, or any
};

// In the order of the clauses. A clause that says nothing of the kernel or VM type is left out.
// REQUIRES: the fields of the clauses are well-formed, as those of docs/spec are.
std::vector<FoundAnswer> FindAnswers(std::span<const Clause> clauses, const AnswerQuery& query);

// All calls that clauses say something of, sorted.
std::vector<std::string> CallsWithAnswers(std::span<const Clause> clauses);

// The text of docs/spec/answers.md.
std::string RenderAnswers(std::span<const Clause> clauses);

}  // namespace kct
