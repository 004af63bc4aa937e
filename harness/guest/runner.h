// SPDX-License-Identifier: GPL-2.0-only
// VcpuRunner: a vCPU with KVM_RUN as a value, and the answers that exits ask for.
//
// One thread at a time. A call of KVM_RUN that is meant to take long needs a ScopedBudget
// (harness/liveness/in_flight.h) on the thread that runs it.
#pragma once

#include <functional>

#include "harness/guest/exit.h"
#include "harness/kvm/vcpu.h"

namespace kct {

class VcpuRunner {
 public:
  explicit VcpuRunner(Vcpu vcpu) : vcpu_(std::move(vcpu)) {}

  const Vcpu& vcpu() const { return vcpu_; }

  // One KVM_RUN. After an MMIO, port or hypercall exit it first hands the answer to the guest.
  // The tape notes the kind of exit and, of MMIO, the GPA, the size and the direction.
  GuestExit Run();
  // Runs on while the only trouble is a signal; the first other exit, or kInterrupted where
  // kvm_run::immediate_exit is set.
  GuestExit RunUntilDone();
  // Shows each exit to `answer`, which may use the Answer methods, and runs on as long as that
  // says so. The first exit that is done() or that `answer` stops at.
  enum class Then { kRunOn, kStop };
  GuestExit RunUntilDone(const std::function<Then(const GuestExit&)>& answer);

  // What the guest gets for its read, at the next Run(). REQUIRES: the last exit was such a one.
  void AnswerMmio(uint64_t value);
  void AnswerIo(uint32_t value);  // each word of a string instruction
  void AnswerHypercall(uint64_t value);

 protected:
  // Lets KVM finish an instruction that left the guest, without entering the guest again, so that
  // the registers can be replaced: KVM would otherwise finish it later, with the new ones. The
  // registers are of no use afterwards.
  Status DropPendingExit();

 private:
  // Its count says that nothing is left to do.
  Status EndStringInstruction() const;

  Vcpu vcpu_;
  ExitKind last_exit_ = ExitKind::kOther;
};

}  // namespace kct
