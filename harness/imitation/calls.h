// SPDX-License-Identifier: GPL-2.0-only
// The ioctls of the imitated kernel, by what they are made on.
#pragma once

#include "harness/abi/backend.h"
#include "harness/imitation/stay.h"

namespace kct::imitation {

RawAnswer CallSystem(Stay& stay, unsigned long request, uintptr_t argument);
RawAnswer CallVm(Stay& stay, const std::shared_ptr<Vm>& vm, unsigned long request,
                 uintptr_t argument);
RawAnswer CallFile(Stay& stay, const Handle& file, unsigned long request, uintptr_t argument);
RawAnswer CallVcpu(Stay& stay, Vm& vm, Vcpu& vcpu, unsigned long request, uintptr_t argument);

// What KVM_CHECK_EXTENSION says.
int Capability(const model::Rules& rules, unsigned long cap);

// An answer without an errno, or with one.
inline RawAnswer Returns(int value) { return {value, Errno()}; }
inline RawAnswer Fails(int error) { return {-1, Errno(error)}; }

}  // namespace kct::imitation
