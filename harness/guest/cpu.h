// SPDX-License-Identifier: GPL-2.0-only
// GuestCpu: a vCPU that runs programs of the interpreter.
//
//   KCT_TRY_STATUS(cpu.Load(Program().Write64(gpa, 7).Read64(gpa)));
//   GuestExit guest_exit = cpu.RunUntilDone();
//   guest_exit.done(); cpu.result(1).value;
//
// One thread at a time may load and run; the flag, Progress() and results may be used by any
// thread while the guest runs. A call of KVM_RUN that is meant to take long needs a ScopedBudget
// (harness/liveness/in_flight.h) on the thread that runs it.
#pragma once

#include <functional>
#include <vector>

#include "harness/base/clock.h"
#include "harness/guest/exit.h"
#include "harness/guest/program.h"
#include "harness/kvm/vcpu.h"

namespace kct {

class GuestCpu {
 public:
  // Made by GuestMachine::AddCpu.
  GuestCpu(Vcpu vcpu, guest::CpuArea* area, int id);

  int id() const { return id_; }
  const Vcpu& vcpu() const { return vcpu_; }

  // Makes `program` the next thing that Run() does, from its start; what ran before is thrown
  // away, the flag is lowered, results and progress start from nothing. Error: too long, or KVM
  // refused the registers.
  Status Load(const Program& program);

  // One KVM_RUN. After an MMIO, port or hypercall exit it first hands the answer to the guest.
  GuestExit Run();
  // Runs on while the only trouble is a signal; the first other exit.
  GuestExit RunUntilDone();
  // Shows each exit to `answer`, which may use the Answer methods, and runs on as long as that
  // says so. The first exit that is done() or that `answer` stops at.
  enum class Then { kRunOn, kStop };
  GuestExit RunUntilDone(const std::function<Then(const GuestExit&)>& answer);

  // What a read gets, at the next Run(). REQUIRES: the last exit was of that kind.
  void AnswerMmio(uint64_t value);
  void AnswerIo(uint32_t value);  // each word of a string instruction
  void AnswerHypercall(uint64_t value);

  // Ends waits and endless loops of the guest, at their next look.
  void RaiseFlag();
  void LowerFlag();

  // Grows with every operation and every look of a wait: while it grows, the vCPU is in the guest
  // (or just between two entries).
  uint64_t Progress() const;
  // Waits until it has grown since the call. False: not before the deadline.
  bool WaitUntilProgress(Instant deadline) const;

  // One for each operation of the program. While the guest runs: as far as it is.
  std::vector<guest::OpResult> results() const;
  // REQUIRES: index < operations of the program
  guest::OpResult result(std::size_t index) const;

  // Whether the guest's stamps are the host's TSC (KVM_VCPU_TSC_OFFSET was accepted as 0), so
  // that they can be compared with the begin and end of calls.
  enum class Stamps { kHostTsc, kOwn };
  Stamps stamps() const { return stamps_; }

 private:
  Status SetRegisters() const;
  void DropPendingExit();

  Vcpu vcpu_;
  guest::CpuArea* area_;
  int id_;
  Stamps stamps_;
  ExitKind last_exit_ = ExitKind::kOther;
};

}  // namespace kct
