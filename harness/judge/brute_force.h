// SPDX-License-Identifier: GPL-2.0-only
// The slow, obvious judge: at each moment anything that may happen is tried, in any order, with no
// memory and no cleverness. What Judge() says is held against it.
#pragma once

#include "harness/judge/judge.h"

namespace kct {

// `most_steps`: tried before it gives up.
Answer JudgeByBruteForce(const Recording& recording, uint64_t most_steps);

}  // namespace kct
