// SPDX-License-Identifier: GPL-2.0-only
// What KVM_GET_STATS_FD tells of a VM or of a vCPU.
#pragma once

#include <cstdint>
#include <string_view>

#include "harness/base/result.h"

namespace kct {

// The value of the statistic named so, of the VM or vCPU whose descriptor `fd` is. Error: it has
// none of that name.
Result<uint64_t> StatisticOf(int fd, std::string_view name);

}  // namespace kct
