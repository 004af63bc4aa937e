// SPDX-License-Identifier: GPL-2.0-only
// Operations: the model's operations carried out by the calling thread, step by step, against the
// memory of this process.
#pragma once

#include <optional>

#include "harness/abi/uapi.h"
#include "harness/imitation/stay.h"
#include "harness/model/step.h"

namespace kct::imitation {

// An operation that needs no memory: slot updates, settings, logs.
model::Outcome Perform(Stay& stay, Vm& vm, const model::Operation& op);
// The same in two parts: its first step, and all others.
model::Pending Begin(Stay& stay, Vm& vm, const model::Operation& op);
model::Outcome Finish(Stay& stay, Vm& vm, model::Pending& call);

// Waits for the host page behind `gpa`, if somebody withholds it, as a fault does before it maps
// it.
void AwaitPage(Stay& stay, Vm& vm, const Vcpu& vcpu, Gpa gpa);

// Takes the vCPU, as KVM_RUN does first. What it returns is over if KVM_RUN was refused, and else
// to be given to LeaveVcpu.
enum class ImmediateExit { kNo, kYes };
model::Pending EnterVcpu(Stay& stay, Vm& vm, const Vcpu& vcpu, uint64_t argument,
                         ImmediateExit immediate_exit);
void LeaveVcpu(Stay& stay, Vm& vm, model::Pending& run);

// What kvm_run says of a failure at a page; nothing: it says nothing.
std::optional<KvmRunMemoryFault> FaultOf(const model::Outcome& outcome, Gpa page);

model::Outcome PreFault(Stay& stay, Vm& vm, const Vcpu& vcpu, model::Operation op);

// An access of the guest, and what came of it.
struct Reached {
  enum class How {
    kMemory,
    kMmio,
    kFailed,       // KVM_RUN fails with `error`
    kInterrupted,  // a signal came; the access has not been made
    kPageFault,    // of the guest: its own page tables lead nowhere
  };
  How how = How::kMemory;
  Errno error;
  std::optional<KvmRunMemoryFault> fault;  // what kvm_run says of the failure
};

// Reads or writes `width` bytes; with `change`, which gets the old value, both at once.
struct Access {
  Gpa gpa;
  uint32_t width = 8;
  model::Access kind = model::Access::kRead;
  bool emulated = false;
  uint64_t value = 0;  // to be written, or what was read
  uint64_t (*change)(const void* context, uint64_t old) = nullptr;
  const void* context = nullptr;
};
Reached Make(Stay& stay, Vm& vm, const Vcpu& vcpu, Access& access);

}  // namespace kct::imitation
