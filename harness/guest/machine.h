// SPDX-License-Identifier: GPL-2.0-only
// GuestMachine: makes a VM able to run programs of the interpreter.
//
//   KCT_TRY(Vm vm, Vm::Create());
//   KCT_TRY(GuestMachine machine, GuestMachine::Create(vm));
//   KCT_TRY(Memslot slot, vm.AddMemslot({.gpa = 4_GiB_gpa, .size = 2_MiB}));
//   KCT_TRY(GuestCpu cpu, machine.AddCpu());
//   KCT_TRY_STATUS(cpu.Load(Program().Touch(slot.range())));
//
// It adds one slot, [1 MiB, 2 MiB); guest physical memory from 16 MiB on is free for tests. The
// guest addresses [0, 8 GiB) from the start. Vm and GuestMachine must outlive the CPUs, and the Vm
// must stay where it is.
#pragma once

#include "harness/guest/cpu.h"
#include "harness/guest/entry_state.h"
#include "harness/kvm/vm.h"

namespace kct {

class GuestMachine {
 public:
  static Result<GuestMachine> Create(Vm& vm);

  // A vCPU with an empty program. At most guest::kMaxCpus.
  Result<GuestCpu> AddCpu();

  // Lets the guest address `range` too, beyond the first 8 GiB. Error: see IdentityMap::Map.
  Status MapIdentity(GpaRange range) { return identity_map_->Map(range); }

  // The slot that payload, tables and mailboxes are in.
  const Memslot& slot() const { return *slot_; }

 private:
  GuestMachine(Vm& vm, std::unique_ptr<Memslot> slot);

  Vm& vm_;
  std::unique_ptr<Memslot> slot_;
  std::unique_ptr<IdentityMap> identity_map_;
  int cpus_ = 0;
};

}  // namespace kct
