// SPDX-License-Identifier: GPL-2.0-only
// KVM_RUN: enters the guest, which carries out its program until it leaves.
#pragma once

#include "harness/abi/backend.h"
#include "harness/abi/uapi.h"
#include "harness/imitation/stay.h"

namespace kct::imitation {

// What the kernel leaves in kvm_run of a failure that it can describe.
void LeaveMemoryFault(kvm_run& run, const KvmRunMemoryFault& fault);

RawAnswer RunVcpu(Stay& stay, Vm& vm, Vcpu& vcpu, uintptr_t argument);

}  // namespace kct::imitation
