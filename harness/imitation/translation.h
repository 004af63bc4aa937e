// SPDX-License-Identifier: GPL-2.0-only
// Where a guest's own page tables lead: for addresses of the upper half (guest/abi.h). The others
// are guest physical ones.
#pragma once

#include <optional>

#include "harness/imitation/stay.h"

namespace kct::imitation {

// The guest physical address that `address` stands for on this vCPU, by KVM's copies of the
// entries. None: an entry on the way is not present.
std::optional<Gpa> Translate(Stay& stay, Vm& vm, const Vcpu& vcpu, uint64_t address);

// The guest has written `width` bytes at `gpa`, where there may be entries.
void TrackWrite(Stay& stay, Vm& vm, const Vcpu& vcpu, Gpa gpa, uint32_t width);

}  // namespace kct::imitation
