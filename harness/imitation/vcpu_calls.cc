// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>

#include "guest/abi.h"
#include "harness/imitation/calls.h"
#include "harness/imitation/copied.h"
#include "harness/imitation/operations.h"
#include "harness/imitation/run.h"
#include "harness/imitation/statistics.h"

namespace kct::imitation {
namespace {

using model::Bug;

RawAnswer PreFaultMemory(Stay& stay, Vm& vm, Vcpu& vcpu, uintptr_t argument) {
  World& world = stay.world();
  auto range = CopyIn<kvm_pre_fault_memory>(argument);
  if (!range) return Fails(world.Planted(Bug::kPrefaultBadPointerIsEinval) ? EINVAL : EFAULT);
  if (world.Planted(Bug::kPrefaultPaddingIsChecked) && range->padding[0] != 0) return Fails(EINVAL);
  if (world.Planted(Bug::kPrefaultWritesBackFirst) && !CopyOut(argument, *range)) {
    return Fails(EFAULT);
  }
  if (world.Planted(Bug::kPrefaultHeedsImmediateExit) && vcpu.shared().immediate_exit != 0) {
    return Fails(EINTR);
  }
  model::Operation op;
  op.address = range->gpa;
  op.size = range->size;
  op.flags = range->flags;
  const model::Outcome outcome = PreFault(stay, vm, vcpu, op);
  if (const auto fault = FaultOf(outcome, {outcome.address}))
    LeaveMemoryFault(vcpu.shared(), *fault);
  if (world.Planted(Bug::kPrefaultTouchesRun)) vcpu.shared().exit_reason = KVM_EXIT_UNKNOWN;
  range->gpa = outcome.address;
  range->size = outcome.left;
  if (!CopyOut(argument, *range)) return Fails(EFAULT);
  return outcome.error == Errno() ? Returns(0) : RawAnswer{-1, outcome.error};
}

RawAnswer SetRegs(Vcpu& vcpu, uintptr_t argument) {
  const auto regs = CopyIn<kvm_regs>(argument);
  if (!regs) return Fails(EFAULT);
  vcpu.regs = *regs;
  if (regs->rip == guest::kImageGpa) vcpu.guest = {.begun = true, .area = regs->rdi};
  return Returns(0);
}

RawAnswer SetSregs(Vcpu& vcpu, uintptr_t argument) {
  const auto sregs = CopyIn<kvm_sregs>(argument);
  if (!sregs) return Fails(EFAULT);
  vcpu.sregs = *sregs;
  return Returns(0);
}

RawAnswer SetEvents(Stay& stay, Vm& vm, const Vcpu& vcpu, uintptr_t argument) {
  const auto events = CopyIn<kvm_vcpu_events>(argument);
  if (!events) return Fails(EFAULT);
  if ((events->flags & KVM_VCPUEVENT_VALID_SMM) == 0) return Returns(0);
  model::Operation op;
  op.kind = model::Kind::kSetMode;
  op.vcpu = vcpu.number;
  op.flags = events->smi.smm;
  Perform(stay, vm, op);
  return Returns(0);
}

template <typename T>
RawAnswer Give(uintptr_t argument, const T& value) {
  return CopyOut(argument, value) ? Returns(0) : Fails(EFAULT);
}

}  // namespace

RawAnswer CallVcpu(Stay& stay, Vm& vm, Vcpu& vcpu, unsigned long request, uintptr_t argument) {
  switch (request) {
    case KVM_RUN:
      return RunVcpu(stay, vm, vcpu, argument);
    case KVM_PRE_FAULT_MEMORY:
      return PreFaultMemory(stay, vm, vcpu, argument);
    case KVM_GET_REGS:
      return Give(argument, vcpu.regs);
    case KVM_SET_REGS:
      return SetRegs(vcpu, argument);
    case KVM_GET_SREGS:
      return Give(argument, vcpu.sregs);
    case KVM_SET_SREGS:
      return SetSregs(vcpu, argument);
    case KVM_GET_VCPU_EVENTS:
      return Give(argument, kvm_vcpu_events{});
    case KVM_GET_STATS_FD:
      return StatisticsOfVcpu(vm.rules);
    case KVM_SET_VCPU_EVENTS:
      return SetEvents(stay, vm, vcpu, argument);
    case kKvmSetCpuid2:
    case KVM_SET_DEVICE_ATTR:  // the offset of a guest's time from the host's: there is none
      return Returns(0);
    default:
      return Fails(ENOTTY);
  }
}

}  // namespace kct::imitation
