// SPDX-License-Identifier: GPL-2.0-only
// Slots that come, go, move and change under running vCPUs: KVM_RUN never shows the race.
#include <atomic>

#include "harness/base/patience.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/race/race.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/looker.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/held_up_updates.h"

namespace kct {
namespace {

using testing::AnyOf;

class MemslotRacingRun : public RaceTest<> {};
class MemslotRacingRunWithoutQuirk : public RaceTest<Need::kZapAllQuirk> {};
class MemslotTogglingUnderPrefault : public RaceTest<Need::kTdp, Need::kPrefault> {};
class MemslotAnchoredRun : public RaceTest<Need::kRoot> {};

void FillWithMemoryMark(const GuestScene& scene) {
  for (uint64_t page = 0; page < scene.slot.size() / kPage; ++page) {
    scene.Word(page) = Looker::kMemory;
  }
}

// The slot that a vCPU looks at is deleted and created again.
void RaceWithDelete(GuestScene& scene) {
  FillWithMemoryMark(scene);
  ASSERT_OK(scene.cpu.Load(Looker::Look(scene.slot.range())));
  Looker looker(scene.cpu);
  Update remove([&] { return scene.slot.Delete(); });

  Race race(Seed(), {.meetings = 20});
  race.Actor("run", [&] { return looker.RunUntil(remove.over()); });
  race.Actor("delete", [&] { return remove.Make(); });
  race.AfterRound([&] {
    remove.Again();
    return scene.slot.Restore();
  });
  ASSERT_OK_AND_ASSIGN(History history, race.Run());
  ASSERT_MET("run against delete", history);

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("delete", Succeeds()));
  ExpectUndisturbed(looker);
}

// Deleting the slot that a vCPU uses never fails its KVM_RUN.
KCT_TEST(MemslotRacingRun, DeleteNeverFailsIt, "MEMSLOT-27", "MEMSLOT-45") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  RaceWithDelete(scene);
}

// The same where the delete drops the entries of that slot only.
KCT_TEST(MemslotRacingRunWithoutQuirk, DeleteNeverFailsIt, "MEMSLOT-27", "MEMSLOT-45") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene,
                       GuestScene::Make({.pages = 4, .zap_all = ZapAllQuirk::kOff}));
  RaceWithDelete(scene);
}

// Nor those of two vCPUs that use it.
KCT_TEST(MemslotRacingRun, DeleteNeverFailsTwo, "MEMSLOT-27", "MEMSLOT-45") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(GuestCpu second, scene.machine.AddCpu());
  FillWithMemoryMark(scene);
  ASSERT_OK(scene.cpu.Load(Looker::Look(scene.slot.range())));
  Looker looker(scene.cpu);
  ASSERT_OK(second.Load(Looker::Look(scene.slot.range())));
  Looker other(second);
  Update remove([&] { return scene.slot.Delete(); });

  Race race(Seed(), {.meetings = 15});
  race.Actor("run", [&] { return looker.RunUntil(remove.over()); });
  race.Actor("delete", [&] { return remove.Make(); });
  race.Actor("other run", [&] { return other.RunUntil(remove.over()); });
  race.AfterRound([&] {
    remove.Again();
    return scene.slot.Restore();
  });
  ASSERT_OK_AND_ASSIGN(History history, race.Run());
  ASSERT_MET("two runs against delete", history);

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("other run", Succeeds()));
  ExpectUndisturbed(looker);
  ExpectUndisturbed(other);
}

// Moving the slot that a vCPU uses never fails its KVM_RUN, and what it reads is what it could
// have read before or after, or MMIO.
KCT_TEST(MemslotRacingRun, MoveNeverFailsIt, "MEMSLOT-27", "MEMSLOT-45") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  FillWithMemoryMark(scene);
  ASSERT_OK(scene.cpu.Load(Looker::Look({kHome, Pages(5)})));
  Looker looker(scene.cpu);
  Update move([&] { return scene.slot.MoveTo(scene.slot.gpa() == kHome ? kHome + kPage : kHome); });

  Race race(Seed(), {.meetings = 20});
  race.Actor("run", [&] { return looker.RunUntil(move.over()); });
  race.Actor("move", [&] { return move.Make(); });
  race.AfterRound([&] {
    move.Again();
    return scene.slot.Restore();
  });
  ASSERT_OK_AND_ASSIGN(History history, race.Run());
  ASSERT_MET("run against move", history);

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("move", Succeeds()));
  ExpectUndisturbed(looker);
}

// Once the delete has returned the memory is out of reach: the next run of a vCPU that was
// looking at it meanwhile ends with MMIO.
KCT_TEST(MemslotRacingRun, RunsAfterADeleteAreMmio, "MEMSLOT-28") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  FillWithMemoryMark(scene);
  ASSERT_OK(scene.cpu.Load(Looker::Look(scene.slot.range())));
  Looker looker(scene.cpu);
  Update remove([&] { return scene.slot.Delete(); });
  uint32_t others = 0;
  // So that the delete finds entries to drop. Twice: the first run may end at once, at the port of
  // a round that was all but over.
  const auto map_all_pages = [&] {
    looker.RunOnce();
    looker.RunOnce();
  };
  map_all_pages();

  Race race(Seed(), {.meetings = 15});
  race.Actor("run", [&] { return looker.RunUntil(remove.over()); });
  race.Actor("delete", [&] { return remove.Make(); });
  race.AfterRound([&] {
    looker.RunOnce();
    // The run before may have ended at the last access of a round: then its port comes first.
    if (looker.last().kind == ExitKind::kIo) looker.RunOnce();
    if (looker.last().kind != ExitKind::kMmio) ++others;
    remove.Again();
    const CallRecord restored = scene.slot.Restore();
    map_all_pages();
    return restored;
  });
  ASSERT_OK_AND_ASSIGN(History history, race.Run());
  ASSERT_MET("run against delete", history);

  EXPECT_EQ(others, 0u) << "runs without the slot ended with something else than MMIO";
  ExpectUndisturbed(looker);
}

// Dirty logging goes on and off under a vCPU that reads and writes: the slot is never missing.
KCT_TEST(MemslotRacingRun, TogglingIsNeverSeen, "MEMSLOT-31") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  FillWithMemoryMark(scene);
  ASSERT_OK(scene.cpu.Load(Looker::Look(scene.slot.range())));
  Looker looker(scene.cpu);
  Update toggle(
      [&] { return scene.slot.SetFlags(scene.slot.region().flags ^ KVM_MEM_LOG_DIRTY_PAGES); });

  Race race(Seed(), {.meetings = 30});
  race.Actor("run", [&] { return looker.RunUntil(toggle.over()); });
  race.Actor("toggle", [&] { return toggle.Make(); });
  race.AfterRound([&] {
    toggle.Again();
    return scene.slot.Restore();
  });
  ASSERT_OK_AND_ASSIGN(History history, race.Run());
  ASSERT_MET("run against toggle", history);

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("toggle", Succeeds()));
  EXPECT_THAT(looker.kinds(), testing::ElementsAre(ExitKind::kIo));
  ExpectUndisturbed(looker);
}

// Prefaults the range again and again until `over`: the first call that did not complete, or the
// last, with the times of all of them.
CallRecord PreFaultUntil(const std::atomic<bool>& over, const Vcpu& vcpu, GpaRange range) {
  CallRecord worst = vcpu.PreFaultAll(range);
  const uint64_t begin = worst.begin;
  while (!over) {
    const CallRecord next = vcpu.PreFaultAll(range);
    if (testing::Matches(Completes())(worst)) worst = next;
    worst.end = next.end;
  }
  worst.begin = begin;
  return worst;
}

// Nor is it for a prefault.
KCT_TEST(MemslotTogglingUnderPrefault, IsNeverSeen, "MEMSLOT-31") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 64}));
  Update toggle(
      [&] { return scene.slot.SetFlags(scene.slot.region().flags ^ KVM_MEM_LOG_DIRTY_PAGES); });

  Race race(Seed(), {.meetings = 30});
  race.Actor("prefault",
             [&] { return PreFaultUntil(toggle.over(), scene.vcpu, scene.slot.range()); });
  race.Actor("toggle", [&] { return toggle.Make(); });
  race.AfterRound([&] {
    toggle.Again();
    return scene.slot.Restore();
  });
  ASSERT_OK_AND_ASSIGN(History history, race.Run());
  ASSERT_MET("prefault against toggle", history);

  EXPECT_THAT(history, EveryCall("prefault", Completes()));
  EXPECT_THAT(history, EveryCall("toggle", Succeeds()));
}

// A vCPU that waits for a host page of a slot when that slot goes: the delete waits for it, and
// the guest's access turns into MMIO.
KCT_TEST(MemslotAnchoredRun, SurvivesTheDeleteOfItsSlot, "MEMSLOT-45", "MEMSLOT-27") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  GuestExit guest_exit;
  Actor run("run"), remove("delete");  // outlive the anchor, which lets them go
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.slot.hva()));
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome)));
  run.Start([&] { return (guest_exit = scene.cpu.Run()).call.Record(); });
  ASSERT_REACHED(anchor.WaitReached(), "the vCPU waits for the page");

  remove.Start([&] { return scene.slot.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn("synchronize_srcu"), "the delete waits for the vCPU");
  ReportAnchoredMeeting("delete waits while the vCPU is parked in a page of the slot");
  ASSERT_OK(anchor.Release());

  EXPECT_THAT(remove.Finish(), Succeeds());
  EXPECT_THAT(run.Finish(), Succeeds());
  EXPECT_THAT(guest_exit, AnyOf(IsDone(), IsMmioRead(kHome)));
}

// While a move is held up half way, the guest's own access to where the slot was and will be is
// neither an error nor MMIO: it waits inside KVM_RUN for the end of the move, and is memory then.
KCT_TEST(MemslotAnchoredRun, AnAccessWaitsForTheMove, "MEMSLOT-27", "MEMSLOT-45") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  FillWithMemoryMark(scene);
  ASSERT_OK(scene.cpu.Load(Program().Stamp().Read64(kHome + kPage)));
  GuestExit guest_exit;
  Actor run("run"), move("move");
  HeldUpUpdates held_up(scene);
  ASSERT_OK(held_up.Begin());
  move.Start([&] { return scene.slot.MoveTo(kHome + kPage); });
  ASSERT_REACHED(move.WaitBlockedIn("synchronize_srcu"), "the move is held up");

  run.Start([&] { return (guest_exit = scene.cpu.Run()).call.Record(); });
  ASSERT_REACHED(WaitUntil([&] { return scene.cpu.Progress() > 0; }, GiveUpAfter(5s)),
                 "the guest comes to its access");
  EXPECT_FALSE(run.FinishBy(Clock::now() + 100ms)) << "KVM_RUN did not wait";
  ReportAnchoredMeeting("an access met the move half way");

  EXPECT_THAT(held_up.End(), Succeeds());
  EXPECT_THAT(move.Finish(), Succeeds());
  EXPECT_THAT(run.Finish(), Succeeds());
  EXPECT_THAT(guest_exit, IsDone());
  EXPECT_EQ(scene.cpu.result(1).value, Looker::kMemory);
}

// While a move is held up half way, a string instruction that KVM emulates may miss the slot that
// covers its source before and after. Completed by user space it goes on.
KCT_TEST(MemslotAnchoredRun, EmulatedAccessGoesOn, "MEMSLOT-30", "MEMSLOT-45") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().OutString(1, kHome + kPage, {1})));
  Actor move("move");
  HeldUpUpdates held_up(scene);
  ASSERT_OK(held_up.Begin());
  move.Start([&] { return scene.slot.MoveTo(kHome + kPage); });
  ASSERT_REACHED(move.WaitBlockedIn("synchronize_srcu"), "the move is held up");

  GuestExit guest_exit = scene.cpu.Run();
  EXPECT_THAT(guest_exit, AnyOf(IsOut(1), IsMmioRead(kHome + kPage)));
  if (guest_exit.kind == ExitKind::kMmio) {
    ReportAnchoredMeeting("an emulated read met the move half way");
    scene.cpu.AnswerMmio(0x55);
    EXPECT_THAT(guest_exit = scene.cpu.Run(), IsOut(1));
  }

  EXPECT_THAT(held_up.End(), Succeeds());
  EXPECT_THAT(move.Finish(), Succeeds());
  EXPECT_THAT(scene.cpu.Run(), IsDone());
}

}  // namespace
}  // namespace kct
