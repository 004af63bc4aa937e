// SPDX-License-Identifier: GPL-2.0-only
#include <gmock/gmock.h>

#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/test_machine.h"

namespace kct::model {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

TEST(PrefaultSteps, ReachTheEndOfTheRange) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  const Outcome outcome = vm.Do(PreFault(0x11, 3));
  EXPECT_EQ(outcome.error, Errno());
  EXPECT_EQ(outcome.left, 0u);
  EXPECT_EQ(outcome.address, 0x14 * kPageBytes);
}

TEST(PrefaultSteps, StopWhereTheSlotsEnd) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  const Outcome some = vm.Do(PreFault(0x12, 5));
  EXPECT_EQ(some.error, Errno());
  EXPECT_EQ(some.left, 3 * kPageBytes);
  EXPECT_EQ(vm.Do(PreFault(0x14, 3)).error, Errno(ENOENT));
}

TEST(PrefaultSteps, CrossFromSlotToSlot) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 2, 0x1000));
  vm.Do(SlotAt(2, 0x12, 2, 0x2000));
  EXPECT_EQ(vm.Do(PreFault(0x10, 4)).left, 0u);
}

TEST(PrefaultSteps, SayAgainForASlotThatGoesAndNoSlotOnceItIsGone) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  Pending remove(Delete(1));
  vm.Step(remove, Move::kInvalidate);
  EXPECT_EQ(vm.Do(PreFault(0x10, 4)).error, Errno(EAGAIN));
  vm.GoOn(remove);
  EXPECT_EQ(vm.Do(PreFault(0x10, 4)).error, Errno(ENOENT));
}

TEST(PrefaultSteps, KeepTheirProgressWhenTheSlotGoes) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  Pending prefault(PreFault(0x10, 4)), remove(Delete(1));
  vm.Step(prefault, Move::kEnter);
  Choice one = NextChoices(vm.rules, vm.state, prefault)[0];
  ASSERT_EQ(one.move, Move::kMapPages);
  EXPECT_EQ(one.count, 4u);
  one.count = 1;
  Take(vm.rules, vm.state, prefault, one);
  vm.Step(remove, Move::kInvalidate);
  vm.GoOn(prefault);
  EXPECT_EQ(prefault.outcome.error, Errno());
  EXPECT_EQ(prefault.outcome.left, 3 * kPageBytes);
}

TEST(PrefaultSteps, WaitForKvmRunOfTheirVcpuOnly) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  Pending run(KvmRun(0));
  vm.Step(run, Move::kEnter);
  EXPECT_TRUE(vm.Waits(Pending(PreFault(0x10, 1, 0))));
  EXPECT_FALSE(vm.Waits(Pending(PreFault(0x10, 1, 1))));
}

TEST(PrefaultSteps, MayBeEndedByASignalAtEachPage) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  Pending prefault(PreFault(0x10, 4));
  vm.Step(prefault, Move::kEnter);
  EXPECT_THAT(vm.Errors(prefault), ElementsAre(Errno()));
  prefault.op.may_be_interrupted = true;
  EXPECT_THAT(vm.Errors(prefault), UnorderedElementsAre(Errno(EINTR), Errno()));
}

TEST(PrefaultSteps, AnswerPoisonWhateverTheCallerBlocks) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  Pending prefault(PreFault(0x10, 4));
  vm.Step(prefault, Move::kEnter);
  prefault.op.may_be_poisoned = true;
  EXPECT_THAT(vm.Errors(prefault), ElementsAre(Errno(EFAULT)));
  prefault.op.may_be_interrupted = true;
  EXPECT_THAT(vm.Errors(prefault), ElementsAre(Errno(EINTR)));
}

TEST(PrefaultSteps, GoByTheAddressSpaceOfTheVcpu) {
  TestMachine vm;
  vm.Do(SlotAt(1 | 1 << 16, 0x10, 4, 0x1000));
  EXPECT_EQ(vm.Do(PreFault(0x10, 4)).error, Errno(ENOENT));
  vm.state.smm_vcpus = 1;
  EXPECT_EQ(vm.Do(PreFault(0x10, 4)).error, Errno());
}

TEST(PrefaultSteps, LeaveTheArgumentAloneWhenTheyFail) {
  TestMachine vm;
  const Outcome outcome = vm.Do(PreFault(0x10, 4));
  EXPECT_EQ(outcome.address, 0x10 * kPageBytes);
  EXPECT_EQ(outcome.left, 4 * kPageBytes);
}

}  // namespace
}  // namespace kct::model
