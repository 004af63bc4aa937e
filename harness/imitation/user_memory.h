// SPDX-License-Identifier: GPL-2.0-only
// Copies from and to this process as the kernel makes them: memory that is not there, or may not be
// used so, is an answer and no signal.
#pragma once

#include <cstddef>

#include "harness/base/units.h"

namespace kct::imitation {

// False: not all of it can be read, or written.
[[nodiscard]] bool ReadUser(Hva from, void* to, std::size_t size);
[[nodiscard]] bool WriteUser(Hva to, const void* from, std::size_t size);

}  // namespace kct::imitation
