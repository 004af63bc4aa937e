// SPDX-License-Identifier: GPL-2.0-only
#include <gmock/gmock.h>

#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/test_machine.h"

namespace kct::model {
namespace {

using testing::ElementsAre;

TEST(Update, MakesASlotThatStandsAtOnce) {
  TestMachine vm;
  EXPECT_EQ(vm.Do(SlotAt(1, 0x10, 4, 0x1000)).error, Errno());
  ASSERT_NE(vm.state.FindSlot(0, 0x13), nullptr);
  EXPECT_EQ(vm.state.FindSlot(0, 0x14), nullptr);
  EXPECT_EQ(vm.state.FindSlot(1, 0x10), nullptr);
}

TEST(Update, HoldsTheLockUntilItReturns) {
  TestMachine vm;
  Pending first(SlotAt(1, 0x10, 4, 0x1000)), second(SlotAt(2, 0x20, 4, 0x2000));
  vm.Step(first, Move::kInstall);
  EXPECT_TRUE(vm.Waits(second));
  vm.Step(first, Move::kFinish);
  EXPECT_FALSE(vm.Waits(second));
}

TEST(Update, OfADeleteMarksWaitsRemovesWaits) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  Pending reader(PreFault(0x10, 4));
  vm.Step(reader, Move::kEnter);
  Pending remove(Delete(1));

  vm.Step(remove, Move::kInvalidate);
  EXPECT_TRUE(vm.state.FindSlot(0, 0x10)->invalid);
  EXPECT_TRUE(vm.Waits(remove)) << "a reader of the old slots is still there";

  vm.Step(reader, Move::kStop);
  vm.Step(remove, Move::kReplace);
  EXPECT_EQ(vm.state.FindSlot(0, 0x10), nullptr);
  vm.Step(remove, Move::kFinish);
  EXPECT_EQ(remove.outcome.error, Errno());
}

TEST(Update, DoesNotWaitForReadersThatCameLater) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  vm.Do(SlotAt(2, 0x20, 4, 0x2000));
  Pending remove(Delete(1)), reader(PreFault(0x20, 4));
  vm.Step(remove, Move::kInvalidate);
  vm.Step(reader, Move::kEnter);
  EXPECT_THAT(vm.Moves(remove), ElementsAre(Move::kReplace));
  vm.Step(remove, Move::kReplace);
  EXPECT_TRUE(vm.Waits(remove)) << "now it is a reader of old slots";
}

TEST(Update, ThatMovesBeyondTheAddressesLeavesTheSlotWhereItWas) {
  TestMachine vm;
  vm.rules.first_gfn_beyond = 0x100;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  EXPECT_EQ(vm.Do(SlotAt(1, 0xfe, 4, 0x1000)).error, Errno(EINVAL));
  ASSERT_NE(vm.state.FindSlot(0, 0x10), nullptr);
  EXPECT_FALSE(vm.state.FindSlot(0, 0x10)->invalid);
  EXPECT_FALSE(vm.state.slots_lock);
}

TEST(Update, OfFlagsNeverMarksTheSlot) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  Pending toggle(SlotAt(1, 0x10, 4, 0x1000, KVM_MEM_LOG_DIRTY_PAGES));
  EXPECT_THAT(vm.Moves(toggle), ElementsAre(Move::kReflag));
}

TEST(Update, MayRunOutOfMemoryForTheTablesOfShadowPaging) {
  TestMachine vm;
  Pending create(SlotAt(1, 0x10, uint64_t{1} << 25, 0x1000));
  EXPECT_THAT(vm.Errors(create), ElementsAre(Errno()));
  vm.rules.two_dimensional_paging = false;
  EXPECT_THAT(vm.Errors(create), ElementsAre(Errno(), Errno(ENOMEM)));
}

TEST(Update, DropsAllEntriesWithTheQuirkAndItsOwnWithout) {
  for (const bool quirk : {true, false}) {
    TestMachine vm;
    vm.rules.track_entries = true;
    vm.state.zap_all_quirk = quirk;
    vm.Do(SlotAt(1, 0x10, 2, 0x1000));
    vm.Do(SlotAt(2, 0x20, 3, 0x2000));
    vm.Do(PreFault(0x10, 2));
    vm.Do(PreFault(0x20, 3));
    ASSERT_EQ(vm.state.entries.size(), 5u);
    vm.Do(Delete(1));
    EXPECT_EQ(vm.state.entries.size(), quirk ? 0u : 3u);
    EXPECT_EQ(vm.state.stale_roots, quirk ? 0xff : 0);
  }
}

}  // namespace
}  // namespace kct::model
