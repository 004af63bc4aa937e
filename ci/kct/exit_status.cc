// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/exit_status.h"

#include <algorithm>

namespace kct {

Exit ExitFor(const std::vector<TestResult>& results, Strictness strictness) {
  const bool strict = strictness == Strictness::kStrict;
  const auto any = [&](auto&& matches) {
    return std::any_of(results.begin(), results.end(), matches);
  };
  const auto found = [&](Verdict verdict) {
    return any([&](const TestResult& result) {
      return result.verdict == verdict && (strict || result.news == News::kNew);
    });
  };
  if (found(Verdict::kHarnessBug)) return Exit::kBug;
  if (found(Verdict::kKernelDied)) return Exit::kKernelDied;
  if (found(Verdict::kHang)) return Exit::kHang;
  if (found(Verdict::kFail) || found(Verdict::kLost)) return Exit::kFindings;
  if (strict && any([](const TestResult& r) { return r.news == News::kUnexpectedPass; })) {
    return Exit::kFindings;
  }
  if (any([&](const TestResult& r) {
        return r.verdict == Verdict::kInconclusive || (strict && !r.emulator_artefact.empty());
      })) {
    return Exit::kInconclusive;
  }
  if (!any([](const TestResult& r) { return r.verdict != Verdict::kSkip; })) {
    return Exit::kNothingShown;
  }
  return Exit::kNothingNew;
}

}  // namespace kct
