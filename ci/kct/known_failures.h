// SPDX-License-Identifier: GPL-2.0-only
// KnownFailures: which clauses a kernel is known to break. A line of the file:
//
//   CLAUSE | KERNEL-RANGE | MODE npt|shadow|* | always|sometimes | REASON      # a comment
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ci/kct/test_result.h"
#include "ci/kernel/version.h"

namespace kct {

struct KnownFailure {
  enum class Often { kAlways, kSometimes };
  std::string clause;
  KernelRange kernels;
  std::optional<Mode> mode;  // nothing: any
  Often often = Often::kAlways;
  std::string reason;
};

class KnownFailures {
 public:
  // `name` is what errors call the file: "NAME:LINE: what is wrong".
  static Result<KnownFailures> Parse(std::string_view name, std::string_view text);

  // nullptr: it is not known.
  const KnownFailure* Find(std::string_view clause, Mode mode, const KernelVersion& kernel) const;

  // Sets `news` and `known_reason` of a result.
  TestResult Classify(TestResult result, const KernelVersion& kernel) const;

 private:
  std::vector<KnownFailure> failures_;
};

}  // namespace kct
