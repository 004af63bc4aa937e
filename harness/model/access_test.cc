// SPDX-License-Identifier: GPL-2.0-only
#include <gmock/gmock.h>

#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/test_machine.h"

namespace kct::model {
namespace {

using testing::ElementsAre;

// A VM whose vCPU 0 is in KVM_RUN, with a slot at page 0x10.
struct RunningVm : TestMachine {
  explicit RunningVm(uint64_t flags = 0) {
    rules.track_entries = true;
    Do(SlotAt(1, 0x10, 4, 0x1000, flags));
    Pending run(KvmRun());
    Step(run, Move::kEnter);
  }
};

TEST(AccessSteps, NeedARunningVcpu) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  EXPECT_TRUE(vm.Waits(Pending(AccessTo(0x10, Access::kRead))));
}

TEST(AccessSteps, AreMmioWithoutASlot) {
  RunningVm vm;
  EXPECT_TRUE(vm.Do(AccessTo(0x20, Access::kRead)).mmio);
  EXPECT_FALSE(vm.Do(AccessTo(0x10, Access::kRead)).mmio);
}

TEST(AccessSteps, FaultOnceAndThenFindTheEntry) {
  RunningVm vm;
  Pending first(AccessTo(0x10, Access::kRead)), second(AccessTo(0x10, Access::kRead));
  EXPECT_THAT(vm.Moves(first), ElementsAre(Move::kEnter));
  vm.GoOn(first);
  EXPECT_THAT(vm.Moves(second), ElementsAre(Move::kMemory));
  EXPECT_THAT(vm.Moves(Pending(AccessTo(0x10, Access::kWrite))), ElementsAre(Move::kEnter))
      << "a read leaves no writable entry";
}

TEST(AccessSteps, WaitForASlotThatGoesUnlessAnEntryIsThere) {
  RunningVm vm;
  vm.Do(AccessTo(0x10, Access::kRead));
  Pending remove(Delete(1));
  vm.Step(remove, Move::kInvalidate);
  EXPECT_THAT(vm.Moves(Pending(AccessTo(0x10, Access::kRead))), ElementsAre(Move::kMemory));
  EXPECT_TRUE(vm.Waits(Pending(AccessTo(0x11, Access::kRead))));
  vm.GoOn(remove);
  EXPECT_TRUE(vm.Do(AccessTo(0x10, Access::kRead)).mmio);
  EXPECT_TRUE(vm.Do(AccessTo(0x11, Access::kRead)).mmio);
}

TEST(AccessSteps, OfTheEmulatorMissASlotThatGoes) {
  RunningVm vm;
  Pending remove(Delete(1));
  vm.Step(remove, Move::kInvalidate);
  Operation op = AccessTo(0x10, Access::kRead);
  op.emulated = true;
  EXPECT_THAT(vm.Moves(Pending(op)), ElementsAre(Move::kMmio));
}

TEST(AccessSteps, ThatWriteAReadOnlySlotAreMmio) {
  RunningVm vm(KVM_MEM_READONLY);
  EXPECT_TRUE(vm.Do(AccessTo(0x10, Access::kWrite)).mmio);
  EXPECT_FALSE(vm.Do(AccessTo(0x10, Access::kRead)).mmio);
}

TEST(AccessSteps, AreLoggedWhereTheyWrite) {
  RunningVm vm(KVM_MEM_LOG_DIRTY_PAGES);
  vm.Do(AccessTo(0x10, Access::kRead));
  vm.Do(AccessTo(0x12, Access::kWrite));
  Operation log;
  log.kind = Kind::kGetDirtyLog;
  log.slot = 1;
  EXPECT_EQ(vm.Do(log).value, 0b100u);
  EXPECT_EQ(vm.Do(log).value, 0u) << "reading the log clears it";
}

TEST(AccessSteps, FindTheWordThatWasWritten) {
  RunningVm vm;
  Operation write = AccessTo(0x10, Access::kWrite), read = AccessTo(0x10, Access::kRead);
  write.size = read.size = 8;
  write.value = 7;
  vm.Do(write);
  EXPECT_EQ(vm.Do(read).value, 7u);
  Operation drop;
  drop.kind = Kind::kDropHost;
  drop.address = 0x1000 * kPageBytes;
  drop.size = kPageBytes;
  vm.Do(drop);
  EXPECT_EQ(vm.Do(read).value, 0u) << "dropped pages read as zeros";
}

}  // namespace
}  // namespace kct::model
