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

RawAnswer Failed(const World& world, kvm_run& run, const Reached& reached) {
  if (reached.fault) {
    LeaveMemoryFault(run, *reached.fault);
    if (world.Planted(model::Bug::kMemoryFaultIsSuccess)) return {};
  }
  return {-1, reached.error};
}

// How far a KVM_RUN goes: with immediate_exit, which it looks at once, it only finishes what was
// half done.
enum class Goes { kIntoTheGuest, kToTheEndOfTheInstruction };

RawAnswer RunGuest(Stay& stay, Vm& vm, Vcpu& vcpu, Goes goes) {
  kvm_run& run = vcpu.shared();
  ProgramRunner program(stay, vm, vcpu);
  for (;;) {
    if (!program.FinishesAnInstruction()) {
      if (goes == Goes::kToTheEndOfTheInstruction) return {-1, Errno(EINTR)};
      run.exit_reason = KVM_EXIT_UNKNOWN;
      if (stay.SignalPending()) return Interrupted(run);
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
        return Failed(stay.world(), run, program.failure());
    }
  }
}

// Whether there is an exit to be finished before anything else.
bool HasExitToFinish(const World& world, const Vcpu& vcpu) {
  return vcpu.guest.waits && !(vcpu.shared().immediate_exit != 0 &&
                               world.Planted(model::Bug::kImmediateExitForgetsTheAnswer));
}

}  // namespace

void LeaveMemoryFault(kvm_run& run, const KvmRunMemoryFault& fault) {
  run.exit_reason = KVM_EXIT_MEMORY_FAULT;
  std::memcpy(reinterpret_cast<char*>(&run) + kKvmRunExitUnionOffset, &fault, sizeof fault);
}

RawAnswer RunVcpu(Stay& stay, Vm& vm, Vcpu& vcpu, uintptr_t argument) {
  constexpr uint64_t kKnownRegs = KVM_SYNC_X86_VALID_FIELDS;
  kvm_run& run = vcpu.shared();
  if (stay.world().Planted(model::Bug::kRunTouchesItsReasonFirst)) {
    run.exit_reason = KVM_EXIT_UNKNOWN;
  }
  if ((run.kvm_valid_regs & ~kKnownRegs) != 0) return {-1, Errno(EINVAL)};
  const bool finishes = HasExitToFinish(stay.world(), vcpu);
  const bool stays_out = run.immediate_exit != 0;
  model::Pending entered = EnterVcpu(
      stay, vm, vcpu, argument, stays_out && !finishes ? ImmediateExit::kYes : ImmediateExit::kNo);
  if (entered.over()) return {-1, entered.outcome.error};
  const RawAnswer answer =
      RunGuest(stay, vm, vcpu,
               stays_out && finishes ? Goes::kToTheEndOfTheInstruction : Goes::kIntoTheGuest);
  LeaveVcpu(stay, vm, entered);
  return answer;
}

}  // namespace kct::imitation
