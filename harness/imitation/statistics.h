// SPDX-License-Identifier: GPL-2.0-only
// The statistics of a VM or vCPU as KVM_GET_STATS_FD gives them: a file with a header, descriptors,
// values.
#pragma once

#include "harness/abi/backend.h"
#include "harness/model/rules.h"
#include "harness/model/state.h"

namespace kct::imitation {

// A new file descriptor, with the values of now; what is not counted here is 0.
RawAnswer StatisticsOf(const model::Rules& rules, const model::State& state);
RawAnswer StatisticsOfVcpu(const model::Rules& rules);

}  // namespace kct::imitation
