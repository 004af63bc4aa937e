// SPDX-License-Identifier: GPL-2.0-only
// RealModeCpu: a vCPU that reads and writes words of the first MiB in 16-bit real mode, for
// machines whose KVM can do little else.
//
//   KCT_TRY(RealModeCpu cpu, RealModeCpu::Create(vm));
//   KCT_TRY_STATUS(cpu.Load(RealModeProgram().Write16({0x20000}, 7).Read16({0x20000})));
//   cpu.RunUntilDone().done(); cpu.value(1);
//
// It adds one slot, [0, 64 KiB). The program ends with kDone; run again, it halts.
#pragma once

#include <memory>
#include <vector>

#include "guest/abi.h"
#include "harness/guest/runner.h"
#include "harness/kvm/vm.h"

namespace kct {

class RealModeProgram {
 public:
  // REQUIRES: gpa in [64 KiB, 1 MiB - 2]
  RealModeProgram& Read16(Gpa gpa);
  RealModeProgram& Write16(Gpa gpa, uint16_t value);
  // The first word of each page of the range.
  RealModeProgram& Touch(GpaRange range);

  const std::vector<guest::Op16>& ops() const { return ops_; }

 private:
  RealModeProgram& Append(uint16_t code, Gpa gpa, uint16_t value);
  std::vector<guest::Op16> ops_;
};

class RealModeCpu : public VcpuRunner {
 public:
  // At most one in a VM.
  static Result<RealModeCpu> Create(Vm& vm);

  // As GuestCpu::Load.
  Status Load(const RealModeProgram& program);
  // What the operation read, or its value if it was a write.
  uint16_t value(std::size_t index) const;

  const Memslot& slot() const { return *slot_; }

 private:
  RealModeCpu(Vcpu vcpu, std::unique_ptr<Memslot> slot)
      : VcpuRunner(std::move(vcpu)), slot_(std::move(slot)) {}
  volatile guest::Op16& OpAt(std::size_t index) const;
  std::unique_ptr<Memslot> slot_;
};

}  // namespace kct
