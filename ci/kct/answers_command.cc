// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/answers_command.h"

#include "ci/kct/run_command.h"
#include "ci/spec/answers.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

Result<AnswerQuery> QueryOf(const AnswersOptions& options) {
  AnswerQuery query{.call = options.call, .vm = options.vm};
  if (!options.kernel.empty()) {
    KCT_TRY(query.kernel, KernelVersion::Parse(options.kernel));
  }
  if (!query.vm.empty() && std::ranges::find(VmTypes(), query.vm) == VmTypes().end()) {
    return MakeError("--vm: '{}' is not one of {}", query.vm, fmt::join(VmTypes(), ", "));
  }
  if (FindAnswers(AllClauses(), {.call = query.call}).empty()) {
    return MakeError("--call: no clause says what {} answers; expected one of {}", query.call,
                     fmt::join(CallsWithAnswers(AllClauses()), ", "));
  }
  return query;
}

}  // namespace

Exit PrintAnswers(const AnswersOptions& options) {
  Result<AnswerQuery> query = QueryOf(options);
  if (!query) return Complain({Exit::kUsage, query.error().message});
  const std::vector<FoundAnswer> answers = FindAnswers(AllClauses(), *query);
  if (answers.empty()) {
    return Complain(
        {Exit::kNothingShown, fmt::format("no clause says what {} answers there", options.call)});
  }
  for (const FoundAnswer& found : answers) {
    const Clause& clause = *found.clause;
    fmt::print("{} when {}\n", fmt::join(found.answer.outcomes, " or "), found.answer.when);
    fmt::print("    {}, {}; needs {}\n", clause.id, Name(clause.standing), clause.needs);
    if (!found.kernel.empty()) fmt::print("    but {}: {}\n", options.kernel, found.kernel);
    if (!query->kernel) fmt::print("    kernels {}\n", clause.kernels);
  }
  return Exit::kNothingNew;
}

}  // namespace kct
