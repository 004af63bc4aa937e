// SPDX-License-Identifier: GPL-2.0-only
// KnownDrift: findings that somebody has looked at. A line of the file (ci/drift/known-drift.txt):
//
//   SUBJECT | HOW THE FINDING BEGINS | REASON      # a comment
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ci/drift/drift.h"
#include "harness/base/result.h"

namespace kct {

struct KnownDrift {
  std::string subject;
  std::string begins;  // with these words, the last of which is whole
  std::string reason;
};

// `name` is what errors call the file: "NAME:LINE: what is wrong".
Result<std::vector<KnownDrift>> ParseKnownDrift(std::string_view name, std::string_view text);

// nullptr: it is new.
const KnownDrift* FindKnown(std::span<const KnownDrift> known, const Drift& drift);

}  // namespace kct
