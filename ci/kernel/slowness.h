// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "ci/kernel/kernel.h"

namespace kct {

// How many times longer the limits of tests are on this kernel: 1, or kCheckedSlowness if its
// configuration has one of the checkers that cost so much. Known beforehand, and the same on every
// machine: a limit that followed what was measured would also forgive a kernel that got slow.
unsigned SlownessOf(const Kernel& kernel);

inline constexpr unsigned kCheckedSlowness = 8;

}  // namespace kct
