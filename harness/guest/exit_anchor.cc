// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/exit_anchor.h"

namespace kct {

Result<ExitAnchor> ExitAnchor::At(VcpuRunner& cpu) {
  GuestExit guest_exit = cpu.RunUntilDone();
  if (guest_exit.kind != ExitKind::kIo && guest_exit.kind != ExitKind::kMmio) {
    return MakeError("the vCPU should have parked in an access to a port or MMIO, but: {}",
                     guest_exit.ToString());
  }
  KCT_TRY(const kvm_regs regs, cpu.vcpu().GetRegs());
  return ExitAnchor(cpu, std::move(guest_exit), regs.rip);
}

bool ExitAnchor::Holds() const {
  const GuestExit now = Classify(guest_exit_.call, cpu_.vcpu().run());
  const Result<kvm_regs> regs = cpu_.vcpu().GetRegs();
  return now.ToString() == guest_exit_.ToString() && regs.ok() && regs.value().rip == rip_;
}

GuestExit ExitAnchor::Release(uint64_t answer) {
  if (guest_exit_.kind == ExitKind::kMmio && guest_exit_.mmio.direction == Direction::kRead) {
    cpu_.AnswerMmio(answer);
  }
  if (guest_exit_.kind == ExitKind::kIo && guest_exit_.io.direction == Direction::kRead) {
    cpu_.AnswerIo(static_cast<uint32_t>(answer));
  }
  return cpu_.RunUntilDone();
}

}  // namespace kct
