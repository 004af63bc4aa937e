// SPDX-License-Identifier: GPL-2.0-only
// Checks: what makes KVM refuse a call by its arguments and the layout, in the kernel's order. The
// first row that applies gives the answer.
#pragma once

#include <span>
#include <string_view>

#include "harness/model/operation.h"
#include "harness/model/rules.h"
#include "harness/model/state.h"
#include "harness/spec/clause_id.h"

namespace kct::model {

// Who has to notice when the check is missing: the suites of tests, or the model's own scenarios
// where there is no suite yet.
enum class Shown : uint8_t { kBySuites, kByScenarios };

struct Check {
  Kind kind;
  std::string_view name;  // "region-overlap"
  std::string_view when;  // "the range overlaps another slot", for a reader
  ClauseId clause;
  Errno answer;
  bool (*applies)(const Rules&, const State&, const Operation&);
  Shown shown = Shown::kBySuites;

  // Whether another row gives the same answer to all that this one refuses: that this one is
  // missing can't be seen then.
  bool has_a_double = false;
};

std::span<const Check> AllChecks();
// Those of guest_memfd, attributes, exits and confidential VMs; they come after those of checks.cc.
std::span<const Check> AreaChecks();

// The first check that refuses `op`, as far as the planted bug lets it; nullptr: none.
const Check* FirstRefusal(const Rules& rules, const State& state, const Operation& op);
// Its answer, which a planted bug may have changed.
Errno AnswerOf(const Rules& rules, const Check& check);

}  // namespace kct::model
