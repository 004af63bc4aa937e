// SPDX-License-Identifier: GPL-2.0-only
// Interference: whether the order of two calls' steps can matter. What the judge's partition into
// independent ranges of memory is made of.
#pragma once

#include "harness/model/rules.h"
#include "harness/model/step.h"

namespace kct {

// False: whatever steps `a` and `b` still take, taking those of one later changes nothing that
// either can answer. True is always a right answer, only slower.
//
// BEWARE: it is about steps that are taken as late as possible. A prefault that enters its read
// section holds back every update, but nothing is gained by entering early.
bool MayInterfere(const model::Rules& rules, const model::State& state, const model::Pending& a,
                  const model::Pending& b);

}  // namespace kct
