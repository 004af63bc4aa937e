// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/entry_state.h"

#include "guest/abi.h"

namespace kct {
namespace {

constexpr uint64_t kGdtGpa = guest::kTablesGpa;
constexpr uint64_t kIdtGpa = guest::kTablesGpa + 0x1000;
constexpr uint64_t kRootGpa = guest::kTablesGpa + 0x2000;  // the further tables follow it
constexpr uint64_t kMostTables = (guest::kImageGpa - kRootGpa) / guest::kPageSize;

constexpr uint16_t kCodeSelector = 0x08;
constexpr uint16_t kDataSelector = 0x10;

// Control register bits.
constexpr uint64_t kCr0Pe = 1 << 0;   // protected mode
constexpr uint64_t kCr0Et = 1 << 4;   // always 1
constexpr uint64_t kCr0Ne = 1 << 5;   // VMX wants it
constexpr uint64_t kCr0Wp = 1 << 16;  // read-only pages bind the guest's kernel mode too
constexpr uint64_t kCr0Pg = 1ull << 31;
constexpr uint64_t kCr4Pae = 1 << 5;
constexpr uint64_t kEferLme = 1 << 8;
constexpr uint64_t kEferLma = 1 << 10;

// Page table entry bits. Accessed and dirty are set from the start, so that the CPU's own walk
// never writes to guest memory.
constexpr uint64_t kPresent = 1 << 0;
constexpr uint64_t kWritable = 1 << 1;
constexpr uint64_t kAccessed = 1 << 5;
constexpr uint64_t kDirty = 1 << 6;
constexpr uint64_t kLargePage = 1 << 7;
constexpr uint64_t kTableEntry = kPresent | kWritable | kAccessed;
constexpr uint64_t kPageEntry = kTableEntry | kDirty | kLargePage;
constexpr uint64_t kAddressMask = 0x000f'ffff'ffff'f000;

constexpr uint64_t kGiB = 1 << 30;
constexpr Gpa kEndOfLowerHalf{1ull << 47};

// Segment descriptors, flat:   G=1, base=0, limit=0xfffff, P=1, DPL=0, S=1, accessed
constexpr uint64_t kCodeDescriptor = 0x00af'9b00'0000'ffff;  // L=1, D=0, execute, read
constexpr uint64_t kDataDescriptor = 0x00cf'9300'0000'ffff;  // D=1, read, write
constexpr uint8_t kCodeType = 0xb;
constexpr uint8_t kDataType = 0x3;
constexpr uint8_t kBusyTssType = 0xb;
constexpr uint64_t kInterruptGate = 0x8e00ull << 32;  // P=1, DPL=0, 64-bit, clears IF

kvm_segment FlatSegment(uint16_t selector, uint8_t type) {
  kvm_segment segment = {};
  segment.limit = 0xffff'ffff;
  segment.selector = selector;
  segment.type = type;
  segment.present = 1;
  segment.s = 1;
  segment.g = 1;
  segment.l = type == kCodeType;
  segment.db = type != kCodeType;
  return segment;
}

// Nothing uses it: there is one privilege level and no interrupt stack. VMX wants a busy one.
kvm_segment EmptyTss() {
  kvm_segment tss = {};
  tss.limit = 0xffff;
  tss.type = kBusyTssType;
  tss.present = 1;
  return tss;
}

}  // namespace

kvm_sregs LongModeSregs(kvm_sregs sregs, int cpu) {
  sregs.cr0 = kCr0Pe | kCr0Et | kCr0Ne | kCr0Wp | kCr0Pg;
  sregs.cr2 = 0;
  sregs.cr3 = kRootGpa;
  sregs.cr4 = kCr4Pae;
  sregs.efer = kEferLme | kEferLma;
  sregs.cs = FlatSegment(kCodeSelector, kCodeType);
  sregs.ds = sregs.es = sregs.ss = sregs.fs = FlatSegment(kDataSelector, kDataType);
  sregs.gs = sregs.ds;
  sregs.gs.base = guest::CpuAreaGpa(cpu);
  sregs.tr = EmptyTss();
  sregs.ldt = {};
  sregs.ldt.unusable = 1;
  sregs.gdt = {.base = kGdtGpa, .limit = 3 * sizeof(uint64_t) - 1};
  sregs.idt = {.base = kIdtGpa, .limit = GUEST_VECTORS * 2 * sizeof(uint64_t) - 1};
  return sregs;
}

kvm_sregs FlatSregs(kvm_sregs sregs, int privilege) {
  sregs.cr0 |= kCr0Pe;
  const auto segment = [&](uint16_t selector, uint8_t type) {
    kvm_segment flat = FlatSegment(static_cast<uint16_t>(selector | privilege), type);
    flat.dpl = static_cast<uint8_t>(privilege);
    flat.l = 0;
    flat.db = 1;
    return flat;
  };
  sregs.cs = segment(kCodeSelector, kCodeType);
  sregs.ds = sregs.es = sregs.ss = segment(kDataSelector, kDataType);
  return sregs;
}

kvm_regs EntryRegs(int cpu) {
  kvm_regs regs = {};
  regs.rip = guest::kImageGpa;
  regs.rsp = guest::StackTopGpa(cpu);
  regs.rdi = guest::CpuAreaGpa(cpu);
  regs.rflags = 2;  // the bit that is always 1; interrupts off
  return regs;
}

void WriteDescriptorTables(const Mapping& memory) {
  const auto write = [&](uint64_t gpa, uint64_t value) {
    memory.At<uint64_t>({gpa - guest::kTablesGpa}) = value;
  };
  write(kGdtGpa + kCodeSelector, kCodeDescriptor);
  write(kGdtGpa + kDataSelector, kDataDescriptor);
  for (uint64_t vector = 0; vector < GUEST_VECTORS; ++vector) {
    const uint64_t stub = guest::kImageGpa + GUEST_STUBS_OFFSET + vector * GUEST_STUB_SIZE;
    // A gate: offset 15..0, selector, flags, offset 31..16; then offset 63..32.
    write(kIdtGpa + vector * 16, (stub & 0xffff) | uint64_t{kCodeSelector} << 16 | kInterruptGate |
                                     (stub >> 16 & 0xffff) << 48);
    write(kIdtGpa + vector * 16 + 8, stub >> 32);
  }
}

// ------- Page tables -----------------------------------------------------------------------------

volatile uint64_t& IdentityMap::Entry(Gpa table, Gpa gpa, int shift) const {
  const uint64_t index = gpa.value >> shift & 511;
  return memory_.At<uint64_t>({table.value - guest::kTablesGpa + index * sizeof(uint64_t)});
}

Result<Gpa> IdentityMap::NewTable() {
  if (tables_ == kMostTables) return MakeError("no room for more page tables of the guest");
  return Gpa{kRootGpa + guest::kPageSize * tables_++};
}

Result<Gpa> IdentityMap::Descend(Gpa table, Gpa gpa, int shift) {
  volatile uint64_t& entry = Entry(table, gpa, shift);
  if (entry == 0) {
    KCT_TRY(const Gpa made, NewTable());
    entry = made.value | kTableEntry;
  }
  return Gpa{entry & kAddressMask};
}

Status IdentityMap::Map(GpaRange range) {
  if (range.end() < range.start || range.end() > kEndOfLowerHalf) {
    return MakeError("the guest can't address [{:#x}, {:#x}): its addresses end at {:#x}",
                     range.start.value, range.end().value, kEndOfLowerHalf.value);
  }
  const Gpa first{range.start.value & ~(kGiB - 1)};
  for (Gpa gpa = first; gpa < range.end(); gpa = gpa + Bytes{kGiB}) {
    KCT_TRY(const Gpa pointers, Descend({kRootGpa}, gpa, 39));
    KCT_TRY(const Gpa directory, Descend(pointers, gpa, 30));
    for (Gpa page = gpa; page < gpa + Bytes{kGiB}; page = page + kHugePage) {
      Entry(directory, page, 21) = page.value | kPageEntry;
    }
  }
  return {};
}

}  // namespace kct
