// SPDX-License-Identifier: GPL-2.0-only
// Which guest_memfd is mapped at an address of this process.
#pragma once

#include "harness/imitation/world.h"

namespace kct::imitation {

// Marks the page of the guest_memfd that is mapped at `page` as poisoned. False: none is.
bool PoisonFilePage(World& world, Hva page);

}  // namespace kct::imitation
