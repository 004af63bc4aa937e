// SPDX-License-Identifier: GPL-2.0-only
// How long to wait for something before it counts as not happening.
//
// Every limit in the harness and the tests is written for a machine at its usual speed. On one that
// is known to be slower, such as a kernel with its own checkers, all of them are longer by one
// factor, which whoever starts the program states (--slowness).
#pragma once

#include "harness/base/clock.h"

namespace kct {

inline unsigned slowness = 1;

// Set it before threads start.
inline void SetSlowness(unsigned times) { slowness = times; }

// The limit on this machine for what is over within `patience` on a usual one.
inline Duration Scaled(Duration patience) { return patience * slowness; }

// When to give up what begins now.
inline Instant GiveUpAfter(Duration patience) { return Clock::now() + Scaled(patience); }

}  // namespace kct
