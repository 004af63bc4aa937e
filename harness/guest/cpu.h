// SPDX-License-Identifier: GPL-2.0-only
// GuestCpu: a vCPU that runs programs of the interpreter.
//
//   KCT_TRY_STATUS(cpu.Load(Program().Write64(gpa, 7).Read64(gpa)));
//   GuestExit guest_exit = cpu.RunUntilDone();
//   guest_exit.done(); cpu.result(1).value;
//
// One thread at a time may load and run; the flag, Progress() and results may be used by any
// thread while the guest runs.
#pragma once

#include <vector>

#include "harness/base/clock.h"
#include "harness/guest/program.h"
#include "harness/guest/program_log.h"
#include "harness/guest/runner.h"

namespace kct {

class GuestCpu : public VcpuRunner {
 public:
  // Made by GuestMachine::AddCpu.
  GuestCpu(Vcpu vcpu, guest::CpuArea* area, int id);
  GuestCpu(GuestCpu&&) = default;
  GuestCpu& operator=(GuestCpu&&) = default;
  ~GuestCpu() { NoteResults(); }

  int id() const { return id_; }

  // Makes `program` the next thing that Run() does, from its start; what ran before is thrown
  // away, the flag is lowered, results and progress start from nothing. Error: too long, or KVM
  // refused the registers.
  Status Load(const Program& program);

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

  // Whose TSC the guest's stamps are. kHost: they can be compared with the begin and end of
  // calls. kOwn: KVM refused an offset of 0 (KVM_VCPU_TSC_OFFSET; Linux 5.16 has it).
  enum class Tsc { kHost, kOwn };
  Tsc tsc() const { return tsc_; }

 private:
  // Leaves what the program did to the log.
  void NoteResults();

  guest::CpuArea* area_;
  int id_;
  Tsc tsc_;
  LoggedProgram logged_;
};

}  // namespace kct
