// SPDX-License-Identifier: GPL-2.0-only
// Facts: what a recording has to know about the KVM that it is of.
#pragma once

#include "harness/abi/backend.h"
#include "harness/model/rules.h"

namespace kct {

// Asks KVM itself, through `kernel`: a lie about a capability is no fact. Where there is no KVM
// the facts are those of the model. REQUIRES: CurrentHost() is the one that goes with `kernel`.
model::Rules FactsOf(Backend& kernel);

}  // namespace kct
