// SPDX-License-Identifier: GPL-2.0-only
// The state in which the host enters the interpreter: 64-bit mode from the first instruction,
// interrupts off, and the tables that state refers to. And one that needs no tables.
#pragma once

#include <span>

#include "harness/abi/uapi.h"
#include "harness/base/mapping.h"
#include "harness/base/result.h"
#include "harness/base/units.h"

namespace kct {

// `sregs` with what 64-bit mode needs put in, for vCPU number `cpu`.
kvm_sregs LongModeSregs(kvm_sregs sregs, int cpu);
kvm_regs EntryRegs(int cpu);

// `sregs` with flat 32-bit segments of this privilege level put in; paging is off.
kvm_sregs FlatSregs(kvm_sregs sregs, int privilege);

// Writes GDT and IDT into `memory`, which backs guest physical memory from guest::kTablesGpa on.
void WriteDescriptorTables(const Mapping& memory);

// The guest's page tables, identity mapped with 2 MiB pages, readable, writable, executable.
class IdentityMap {
 public:
  // In `memory`, which backs guest physical memory from guest::kTablesGpa on.
  explicit IdentityMap(const Mapping& memory) : memory_(memory) {}

  // Maps what `range` touches, in units of 1 GiB. Error: beyond the lower half of the 48-bit
  // address space, or no room for more tables (about 50 GiB in all).
  Status Map(GpaRange range);

 private:
  Result<Gpa> NewTable();
  // The table that the entry for `gpa` of `table` points to, made if there is none.
  Result<Gpa> Descend(Gpa table, Gpa gpa, int shift);
  volatile uint64_t& Entry(Gpa table, Gpa gpa, int shift) const;

  const Mapping& memory_;
  uint64_t tables_ = 1;  // the root is there
};

}  // namespace kct
