// SPDX-License-Identifier: GPL-2.0-only
// Accesses of user space to memory that may answer with SIGBUS instead.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/base/units.h"

namespace kct {

// The word of 8 bytes there; none: the access raised SIGBUS. For one thread at a time.
std::optional<uint64_t> TryLoad(Hva word);
// Stores a word. False: SIGBUS.
[[nodiscard]] bool TryStore(Hva word, uint64_t value);

}  // namespace kct
