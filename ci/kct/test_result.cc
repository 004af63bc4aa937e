// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/test_result.h"

#include <algorithm>
#include <set>

namespace kct {

std::vector<std::string> Blamed(const TestResult& result) {
  if (result.verdict == Verdict::kKernelDied || result.verdict == Verdict::kLost) {
    return result.assignment.test.clauses;
  }
  std::set<std::string> clauses;
  for (const Failure& failure : result.failures) {
    clauses.insert(failure.clauses.begin(), failure.clauses.end());
  }
  for (const Hang& hang : result.hangs) clauses.insert(hang.clause);
  return {clauses.begin(), clauses.end()};
}

bool OnlyTheKernelComplained(const TestResult& result) {
  if (result.verdict == Verdict::kKernelDied) return true;
  return result.verdict == Verdict::kFail && result.failures.empty() && result.hangs.empty() &&
         !result.complaints.empty();
}

bool LooksLikeTheEmulator(const TestResult& result) {
  if (OnlyTheKernelComplained(result)) {
    return result.complaints.empty() || result.complaints[0].find("int3:") != std::string::npos;
  }
  return result.verdict == Verdict::kHang && result.failures.empty() &&
         std::ranges::any_of(result.hangs, &Hang::derailed);
}

std::string DifferenceOf(const TestResult& first, const TestResult& second) {
  if (first.verdict != second.verdict) {
    return fmt::format("{}, then {}", Name(first.verdict), Name(second.verdict));
  }
  const std::pair<std::string_view, std::string TestResult::*> parts[] = {
      {"events", &TestResult::events},
      {"kernel log", &TestResult::kernel_log},
      {"output", &TestResult::output}};
  for (const auto& [what, part] : parts) {
    const std::string &a = first.*part, &b = second.*part;
    const auto at = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (at.first == a.end() && at.second == b.end()) continue;
    return fmt::format("line {} of the {}", std::count(a.begin(), at.first, '\n') + 1, what);
  }
  return "";
}

}  // namespace kct
