// SPDX-License-Identifier: GPL-2.0-only
// A breakpoint of uprobes, put into every mapping of a file that may be executed and not written.
#pragma once

#include "harness/base/unique_fd.h"
#include "harness/base/units.h"

namespace kct {

// It is there as long as the descriptor is open. None: refused, and errno is set.
UniqueFd SetProbe(int file, Bytes offset);

}  // namespace kct
