// SPDX-License-Identifier: GPL-2.0-only
// A guest that is a hypervisor: it runs a guest of its own, whose memory it translates by nested
// page tables that KVM has to shadow.
#include <array>

#include "harness/abi/host_memory.h"
#include "tests/shadow/nested_stage.h"

namespace kct {
namespace {

class ShadowNested : public VmTest<Need::kTdp, Need::kCpu, Need::kNestedSvm> {};

// Which table's entry leads elsewhere, and from which page to which.
struct Change {
  uint64_t table, from, to;
};
constexpr std::array kChanges{Change{kDirectory, kTable, kOtherTable},
                              Change{kTable, kData, kOtherData}};

// --- entries -------------------------------------------------------------------------------------

// The hypervisor changes an entry of its guest's tables, on either level; after a flush, be it of
// all or of this address, or with another ASID, its guest reads by the new one.
KCT_TEST(ShadowNested, AChangedEntryIsSeenByTheInnerGuest, "SHADOW-01", "SHADOW-10", "MN-33") {
  for (const Change& change : kChanges) {
    ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
    Program program;
    std::vector<std::size_t> reads;
    const auto store_and_flush = [&](uint64_t page, HypervisorCall flush, uint64_t a0,
                                     uint64_t a1) {
      Ask(program, HypervisorCall::kStore, EntryAt(change.table).value, EntryOf(page));
      Ask(program, flush, a0, a1).Read64(kWindow);
      reads.push_back(program.last());
    };
    program.Read64(kWindow);
    store_and_flush(change.to, HypervisorCall::kFlush, 0, 0);
    store_and_flush(change.from, HypervisorCall::kInvalidate, kWindow.value, kFirstAsid);
    store_and_flush(change.to, HypervisorCall::kNewAsid, 0, 0);
    ASSERT_OK(stage.LoadReader(program));

    ASSERT_THAT(stage.cpu.Run(), IsDone());

    EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));
    EXPECT_EQ(stage.cpu.result(reads[0]).value, MarkOf(kOtherData)) << "after a flush";
    EXPECT_EQ(stage.cpu.result(reads[1]).value, MarkOf(kData)) << "after INVLPGA";
    EXPECT_EQ(stage.cpu.result(reads[2]).value, MarkOf(kOtherData)) << "with another ASID";
  }
}

// An entry that is not there is a nested page fault of the hypervisor, which learns of the access
// and its address; once the entry is there, the access needs no flush.
KCT_TEST(ShadowNested, AnAbsentEntryIsForTheHypervisor, "SHADOW-20", "SHADOW-17") {
  constexpr uint64_t kWrite = 1 << 1, kUser = 1 << 2, kFinal = uint64_t{1} << 32;
  for (const uint64_t table : {kNestedPointers, kDirectory, kTable}) {
    for (const bool write : {false, true}) {
      const uint64_t index = table == kNestedPointers ? kInnerWindow.value >> 30 : kTheEntry;
      ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
      ASSERT_OK_AND_ASSIGN(GuestCpu writer, stage.machine.AddCpu());
      const uint64_t entry = stage.EntryNow(table, index);
      stage.Write(table, index, 0);
      Program access;
      write ? access.Write64(kWindow, MarkOf(kSource)) : access.Read64(kWindow);
      ASSERT_OK(stage.LoadReader(access.Read64(kWindow)));
      ASSERT_OK(writer.Load(Program().Write64(EntryAt(table, index), entry)));

      ASSERT_THAT(stage.cpu.Run(), IsOut(guest::kHypervisorPort));
      const NestedStage::NestedFault fault = stage.LastNestedFault(stage.cpu);
      EXPECT_EQ(fault.exit_code, uint64_t{GUEST_EXIT_NESTED_PAGE_FAULT});
      EXPECT_EQ(fault.address, kInnerWindow.value);
      EXPECT_EQ(fault.error, kFinal | kUser | (write ? kWrite : 0)) << "table " << table;

      ASSERT_THAT(writer.Run(), IsDone());
      ASSERT_THAT(stage.cpu.Run(), IsDone());
      EXPECT_EQ(stage.cpu.result(1).value, MarkOf(write ? kSource : kData)) << "table " << table;
    }
  }
}

// A write that an entry does not allow is one, too.
KCT_TEST(ShadowNested, AWriteByAReadOnlyEntryIsForTheHypervisor, "SHADOW-20") {
  constexpr uint64_t kPresent = 1 << 0, kWrite = 1 << 1, kUser = 1 << 2, kFinal = uint64_t{1} << 32,
                     kWritable = 1 << 1;
  ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
  stage.Write(kTable, kTheEntry, EntryOf(kData) & ~kWritable);
  Program program;
  program.Read64(kWindow).Write64(kWindow, 7);
  Ask(program, HypervisorCall::kNewAsid).Read64(kWindow);
  ASSERT_OK(stage.LoadReader(program));

  ASSERT_THAT(stage.cpu.Run(), IsOut(guest::kHypervisorPort));
  const NestedStage::NestedFault fault = stage.LastNestedFault(stage.cpu);
  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));
  EXPECT_EQ(fault.exit_code, uint64_t{GUEST_EXIT_NESTED_PAGE_FAULT});
  EXPECT_EQ(fault.error, kFinal | kUser | kWrite | kPresent);
  EXPECT_EQ(stage.Word(kData), MarkOf(kData));

  ASSERT_OK_AND_ASSIGN(GuestCpu writer, stage.machine.AddCpu());
  ASSERT_OK(writer.Load(Program().Write64(EntryAt(kTable), EntryOf(kData))));
  ASSERT_THAT(writer.Run(), IsDone());
  stage.FlushAtNextVmrun(stage.cpu);
  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(3).value, 7u);
}

// --- tables --------------------------------------------------------------------------------------

// A hypervisor walks tables that its guest uses as well: the CPU's own walk, which counts as a
// write, lets KVM drop its shadow pages of them, and nothing is emulated.
KCT_TEST(ShadowNested, MaySharePageTablesWithTheInnerGuest, "SHADOW-08") {
  constexpr Gpa kOwnWindow = kWindow + 512_GiB;
  ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
  ASSERT_OK_AND_ASSIGN(GuestCpu hypervisor, stage.machine.AddCpu());
  stage.Enter(EntryOf(kPointers), 1);
  ASSERT_OK(stage.LoadReader(Program().Read64(kWindow).Out(kStop, 0).Read64(kWindow)));
  ASSERT_OK(
      hypervisor.Load(Program().Read64(kOwnWindow).Out(kStop, 0).ReloadCr3().Read64(kOwnWindow)));
  ASSERT_THAT(hypervisor.Run(), IsOut(kStop));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));
  const uint64_t zapped = stage.Count("mmu_shadow_zapped");
  ASSERT_OK_AND_ASSIGN(const uint64_t emulated, hypervisor.vcpu().Statistic("pf_emulate"));

  ASSERT_THAT(hypervisor.Run(), IsDone());

  EXPECT_EQ(hypervisor.result(0).value, MarkOf(kData));
  EXPECT_EQ(hypervisor.result(3).value, MarkOf(kData));
  EXPECT_GT(stage.Count("mmu_shadow_zapped"), zapped);
  ASSERT_OK_AND_ASSIGN(const uint64_t emulated_then, hypervisor.vcpu().Statistic("pf_emulate"));
  EXPECT_EQ(emulated_then, emulated);
  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(2).value, MarkOf(kData));
}

// Tables that are in no slot any more translate nothing: the access is a nested page fault of the
// hypervisor, and finds its memory once the slot is back.
KCT_TEST(ShadowNested, TablesWithoutASlotAreForTheHypervisor, "SHADOW-21", "SHADOW-20") {
  ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot tables,
                       stage.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kPage}));
  tables.memory().Word({0}) = EntryOf(kTable);
  stage.Write(kNestedPointers, kInnerWindow.value >> 30, tables.gpa().value | kEntryFlags);
  ASSERT_OK(stage.LoadReader(Program().Read64(kWindow).Out(kStop, 0).Read64(kWindow)));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));

  ASSERT_THAT(tables.Delete(), Succeeds());
  ASSERT_THAT(stage.cpu.Run(), IsOut(guest::kHypervisorPort));
  const NestedStage::NestedFault fault = stage.LastNestedFault(stage.cpu);
  EXPECT_EQ(fault.exit_code, uint64_t{GUEST_EXIT_NESTED_PAGE_FAULT});
  EXPECT_EQ(fault.address, kInnerWindow.value);

  ASSERT_THAT(tables.Restore(), Succeeds());
  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(2).value, MarkOf(kData));
}

// --- data ----------------------------------------------------------------------------------------

// Memory that goes away under the inner guest is MMIO at the hypervisor's address, and memory again
// once it is back.
KCT_TEST(ShadowNested, ADeletedSlotIsMmioUnderTheInnerGuest, "SHADOW-19") {
  ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot data, stage.AddData(1));
  ASSERT_OK(stage.LoadReader(
      Program().Read64(kWindow).Out(kStop, 0).Read64(kWindow).Out(kStop, 0).Read64(kWindow)));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(0));

  ASSERT_THAT(data.Delete(), Succeeds());
  ASSERT_THAT(stage.cpu.Run(), IsMmioRead(data.gpa()));
  stage.cpu.AnswerMmio(0x1234);
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.cpu.result(2).value, 0x1234u);

  ASSERT_THAT(data.Restore(), Succeeds());
  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(4).value, MarkOf(0));
}

// So is a write to a read-only slot; what the inner guest reads there is memory.
KCT_TEST(ShadowNested, AWriteToAReadOnlySlotIsMmio, "SHADOW-21") {
  ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot data, stage.AddData(1, KVM_MEM_READONLY));
  ASSERT_OK(stage.LoadReader(Program().Read64(kWindow).Write64(kWindow, 9).Read64(kWindow)));

  ASSERT_THAT(stage.cpu.Run(), IsMmioWrite(data.gpa(), 9u));
  ASSERT_THAT(stage.cpu.Run(), IsDone());

  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(0));
  EXPECT_EQ(stage.cpu.result(2).value, MarkOf(0));
}

// What the inner guest writes is in the log of the slot that it lands in, also what it writes by an
// entry that it used before logging began.
KCT_TEST(ShadowNested, WhatItWritesIsInTheDirtyLog, "SHADOW-22") {
  ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
  ASSERT_OK_AND_ASSIGN(Memslot data, stage.AddData(4));
  const auto write = [](Program& program, std::initializer_list<uint64_t> pages) {
    for (const uint64_t page : pages) program.Write64(kWindow + Pages(page), page);
    program.Out(kStop, 0);
  };
  const auto log = [&] {
    uint64_t bits = 0;
    EXPECT_THAT(stage.vm.GetDirtyLog(data.id(), &bits), Succeeds());
    return bits;
  };
  Program program;
  write(program, {0, 1, 2, 3});
  write(program, {0, 2});
  write(program, {});
  write(program, {2, 3});
  ASSERT_OK(stage.LoadReader(program));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  ASSERT_THAT(data.SetFlags(KVM_MEM_LOG_DIRTY_PAGES), Succeeds());

  for (const uint64_t written : {0b0101u, 0u, 0b1100u}) {
    ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
    EXPECT_EQ(log(), written);
  }
}

// What the host puts in the place of a page is what the inner guest sees; where there is nothing,
// KVM_RUN fails with EFAULT, and the access takes place once there is something.
KCT_TEST(ShadowNested, WhatTheHostPutsThereIsSeen, "SHADOW-23") {
  ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot data, stage.AddData(1));
  Program program;
  program.LoopStart().Read64(kWindow).Out(kStop, 0).RepeatUntilFlag();
  ASSERT_OK(stage.LoadReader(program));
  const auto next_read = [&] {
    EXPECT_THAT(stage.cpu.Run(), IsOut(kStop));
    return stage.cpu.result(0).value;
  };
  EXPECT_EQ(next_read(), MarkOf(0));

  ASSERT_THAT(DropPages(data.hva(), kPage), Succeeds());
  EXPECT_EQ(next_read(), 0u);

  ASSERT_THAT(Unmap(data.hva(), kPage), Succeeds());
  EXPECT_THAT(stage.cpu.Run().call, FailsWith(EFAULT));
  ASSERT_THAT(MapZeros(data.hva(), kPage), Succeeds());
  data.memory().Word({0}) = MarkOf(kSource);
  EXPECT_EQ(next_read(), MarkOf(kSource));
}

}  // namespace
}  // namespace kct
