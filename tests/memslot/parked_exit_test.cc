// SPDX-License-Identifier: GPL-2.0-only
// Slots that come and go while a vCPU is between two KVM_RUNs, its instruction half done.
#include "harness/guest/exit_anchor.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/held_up_updates.h"

namespace kct {
namespace {

class MemslotParkedExit : public RaceTest<> {};
class MemslotParkedExitWithoutQuirk : public RaceTest<Need::kZapAllQuirk> {};
class MemslotParkedExitInUpdate : public RaceTest<Need::kRoot> {};

constexpr uint64_t kMemory = 7;
constexpr uint64_t kAnswered = 8;

// The guest loads from kHome, where no slot is, and a slot comes before it has its answer. It gets
// the answer all the same: the load has happened. Its next one is from memory.
KCT_TEST(MemslotParkedExit, ALoadGetsItsAnswerThoughASlotHasCome, "MEMSLOT-49", "MEMSLOT-34") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  scene.Word() = kMemory;
  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Out(1, 0).Read64(kHome)));
  ASSERT_OK_AND_ASSIGN(ExitAnchor parked, ExitAnchor::At(scene.cpu));
  ASSERT_THAT(parked.guest_exit(), IsMmioRead(kHome));

  ASSERT_THAT(scene.slot.Restore(), Succeeds());
  ReportAnchoredMeeting("a slot was created under a load that waited for its answer");

  EXPECT_TRUE(parked.Holds());
  EXPECT_THAT(parked.Release(kAnswered), IsOut(1));
  EXPECT_EQ(scene.cpu.result(0).value, kAnswered);
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(2).value, kMemory);
}

// A store that user space was told of is not repeated into the slot that has come since.
KCT_TEST(MemslotParkedExit, AStoreIsNotRepeatedIntoASlotThatHasCome, "MEMSLOT-49") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  scene.Word() = kMemory;
  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, 9).Out(1, 0).Write64(kHome + kPage, 9)));
  ASSERT_OK_AND_ASSIGN(ExitAnchor parked, ExitAnchor::At(scene.cpu));
  ASSERT_THAT(parked.guest_exit(), IsMmioWrite(kHome, 9u));

  ASSERT_THAT(scene.slot.Restore(), Succeeds());
  ReportAnchoredMeeting("a slot was created under a store that user space had been told of");

  EXPECT_TRUE(parked.Holds());
  EXPECT_THAT(parked.Release(), IsOut(1));
  EXPECT_EQ(scene.Word(), kMemory);
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.Word(1), 9u);
}

// The guest is in the middle of a string instruction when the slot of its source goes: the rest of
// the same instruction finds MMIO, not what is in the host's memory still.
void ExpectTheRestToBeMmio(GuestScene& scene) {
  scene.Word() = 0x6261;  // "ab"
  ASSERT_OK(scene.cpu.Load(Program().Touch(scene.slot.range()).OutString(1, kHome, {2})));
  ASSERT_OK_AND_ASSIGN(ExitAnchor parked, ExitAnchor::At(scene.cpu));
  ASSERT_THAT(parked.guest_exit(), IsOut(1));
  ASSERT_THAT(parked.guest_exit().io.data, testing::ElementsAre(std::byte{'a'}));

  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  ReportAnchoredMeeting("a slot was deleted under a string instruction that was half done");

  EXPECT_TRUE(parked.Holds());
  ASSERT_THAT(parked.Release(), IsMmioRead(kHome + Bytes{1}));
  scene.cpu.AnswerMmio('z');
  const GuestExit rest = scene.cpu.Run();
  ASSERT_THAT(rest, IsOut(1));
  EXPECT_THAT(rest.io.data, testing::ElementsAre(std::byte{'z'}));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
}

// The vCPU has lost its root as well.
KCT_TEST(MemslotParkedExit, AStringInstructionLosesItsSlotHalfWay, "MEMSLOT-28", "MEMSLOT-45") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ExpectTheRestToBeMmio(scene);
}

// Here the delete leaves it its root.
KCT_TEST(MemslotParkedExitWithoutQuirk, AStringInstructionLosesItsSlotHalfWay, "MEMSLOT-28",
         "MEMSLOT-45") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene,
                       GuestScene::Make({.pages = 4, .zap_all = ZapAllQuirk::kOff}));
  ExpectTheRestToBeMmio(scene);
}

// The slot is half way to where a load waits for its answer: the vCPU enters again, gets it and
// goes on, without waiting for the move.
KCT_TEST(MemslotParkedExitInUpdate, AnAnswerCountsInTheMiddleOfAMove, "MEMSLOT-49", "MEMSLOT-45") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  scene.Word() = kMemory;
  ASSERT_OK(scene.cpu.Load(Program().Read64(2_GiB_gpa).Out(1, 0).Read64(2_GiB_gpa)));
  ASSERT_OK_AND_ASSIGN(ExitAnchor parked, ExitAnchor::At(scene.cpu));
  ASSERT_THAT(parked.guest_exit(), IsMmioRead(2_GiB_gpa));
  Actor move("move");
  HeldUpUpdates held_up(scene);
  ASSERT_OK(held_up.Begin());
  move.Start([&] { return scene.slot.MoveTo(2_GiB_gpa); });
  ASSERT_REACHED(move.WaitBlockedIn("synchronize_srcu"), "the move is held up");
  ReportAnchoredMeeting("a load got its answer while a slot was on its way there");

  EXPECT_TRUE(parked.Holds());
  EXPECT_THAT(parked.Release(kAnswered), IsOut(1));
  EXPECT_FALSE(move.Done());
  EXPECT_EQ(scene.cpu.result(0).value, kAnswered);

  EXPECT_THAT(held_up.End(), Succeeds());
  EXPECT_THAT(move.Finish(), Succeeds());
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(2).value, kMemory);
}

}  // namespace
}  // namespace kct
