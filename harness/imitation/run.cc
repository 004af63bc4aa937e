// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/run.h"

#include <cerrno>
#include <cstring>

#include "guest/abi.h"
#include "harness/imitation/program.h"

namespace kct::imitation {
namespace {

RawAnswer Interrupted(kvm_run& run) {
  run.exit_reason = KVM_EXIT_INTR;
  return {-1, Errno(EINTR)};
}

// Where no slot has the guest's next instruction, KVM can't emulate it.
RawAnswer NoInstruction(const World& world, kvm_run& run) {
  if (world.Planted(model::Bug::kRunWithoutCodeIsAShutdown)) {
    run.exit_reason = KVM_EXIT_SHUTDOWN;
    return {};
  }
  run.exit_reason = KVM_EXIT_INTERNAL_ERROR;
  run.internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
  run.internal.ndata = 0;
  return {};
}

RawAnswer Failed(kvm_run& run, const Reached& reached) {
  if (reached.fault) LeaveMemoryFault(run, *reached.fault);
  return {-1, reached.error};
}

RawAnswer RunGuest(Stay& stay, Vm& vm, Vcpu& vcpu) {
  kvm_run& run = vcpu.shared();
  run.exit_reason = KVM_EXIT_UNKNOWN;
  ProgramRunner program(stay, vm, vcpu);
  for (;;) {
    // What was half done is finished first, even by a call that is not to enter the guest.
    if (!program.FinishesAnExit() && (run.immediate_exit != 0 || stay.SignalPending())) {
      return Interrupted(run);
    }
    switch (program.Step()) {
      case ProgramRunner::Now::kRuns:
        stay.GiveWay();
        break;
      case ProgramRunner::Now::kWaits:
        stay.Spin({"kvm_mmu_do_page_fault", "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl"});
        break;
      case ProgramRunner::Now::kLeft:
        return {};
      case ProgramRunner::Now::kLost:
        return NoInstruction(stay.world(), run);
      case ProgramRunner::Now::kFailed:
        if (program.failure().how == Reached::How::kInterrupted) return Interrupted(run);
        return Failed(run, program.failure());
    }
  }
}

}  // namespace

void LeaveMemoryFault(kvm_run& run, const KvmRunMemoryFault& fault) {
  run.exit_reason = KVM_EXIT_MEMORY_FAULT;
  std::memcpy(reinterpret_cast<char*>(&run) + kKvmRunExitUnionOffset, &fault, sizeof fault);
}

RawAnswer RunVcpu(Stay& stay, Vm& vm, Vcpu& vcpu) {
  model::Pending entered = EnterVcpu(stay, vm, vcpu);
  const RawAnswer answer = RunGuest(stay, vm, vcpu);
  LeaveVcpu(stay, vm, entered);
  return answer;
}

}  // namespace kct::imitation
