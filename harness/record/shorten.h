// SPDX-License-Identifier: GPL-2.0-only
// Shorten: makes a recording of thousands of calls one that is quickly written and judged.
#pragma once

#include <cstddef>

#include "harness/history/recording.h"

namespace kct {

// Leaves about the last `most` calls, and of those before only what has made the VM as it is then.
// Where no moment can be found at which nothing was under way, the first `most` calls.
void Shorten(Recording& recording, std::size_t most);

}  // namespace kct
