// SPDX-License-Identifier: GPL-2.0-only
// Slots that come, go, move and change under running vCPUs: KVM_RUN never shows the race.
#include <atomic>
#include <set>

#include "harness/base/patience.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/race/race.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/held_up_updates.h"

namespace kct {
namespace {

using testing::AnyOf;
using testing::IsSubsetOf;

class MemslotRacingRun : public RaceTest<> {};
class MemslotRacingRunWithoutQuirk : public RaceTest<Need::kZapAllQuirk> {};
class MemslotTogglingUnderPrefault : public RaceTest<Need::kTdp, Need::kPrefault> {};
class MemslotAnchoredRun : public RaceTest<Need::kRoot> {};

constexpr uint64_t kMemory = 7;      // in each word of a slot that the guest reads
constexpr uint64_t kAnswered = 8;    // what it gets where there is no slot
constexpr uint64_t kRoundsARun = 5;  // looks at the slot before KVM_RUN comes back by itself

// A vCPU that reads and writes every page of a range, kRoundsARun times a KVM_RUN, and finds
// memory or what MMIO was answered.
class Looker {
 public:
  static Result<Looker> Make(GuestCpu& cpu, GpaRange range) {
    Program program;
    program.LoopStart().LoopStart().Touch(range).ExpectOneOf(kMemory, kAnswered);
    program.WriteTouch(range, kMemory).Repeat(kRoundsARun).Out(1, 0).RepeatUntilFlag();
    KCT_TRY_STATUS(cpu.Load(program));
    return Looker(cpu);
  }

  // KVM_RUN again and again until `over`: the first that failed, or the last, with the times of
  // all of them.
  CallRecord RunUntil(const std::atomic<bool>& over) {
    CallRecord worst = RunOnce();
    const uint64_t begin = worst.begin;
    while (!over) {
      const CallRecord next = RunOnce();
      if (worst.ok()) worst = next;
      worst.end = next.end;
    }
    worst.begin = begin;
    return worst;
  }

  // One KVM_RUN; an MMIO exit is answered at the next.
  CallRecord RunOnce() {
    const GuestExit guest_exit = cpu_.Run();
    if (guest_exit.kind == ExitKind::kMmio) cpu_.AnswerMmio(kAnswered);
    last_ = guest_exit.kind;
    kinds_.insert(guest_exit.kind);
    return guest_exit.call;
  }
  ExitKind last() const { return last_; }

  // Only after the race.
  const std::set<ExitKind>& kinds() const { return kinds_; }
  guest::OpResult seen() const { return cpu_.result(0); }

 private:
  explicit Looker(GuestCpu& cpu) : cpu_(cpu) {}
  GuestCpu& cpu_;
  ExitKind last_ = ExitKind::kOther;
  std::set<ExitKind> kinds_;
};

void FillWithMemoryMark(const GuestScene& scene) {
  for (uint64_t page = 0; page < scene.slot.size() / kPage; ++page) scene.Word(page) = kMemory;
}

// No errno, no other exits than those of its program and MMIO, no value that was never there.
void ExpectUndisturbed(const Looker& looker) {
  EXPECT_THAT(looker.kinds(), IsSubsetOf({ExitKind::kIo, ExitKind::kMmio}));
  EXPECT_EQ(looker.seen().unexpected, 0u)
      << "first: " << looker.seen().unexpected_value << " at " << looker.seen().unexpected_gpa;
}

// An update that ends what other actors do meanwhile.
class Update {
 public:
  explicit Update(std::function<CallRecord()> call) : call_(std::move(call)) {}
  CallRecord Make() {
    const CallRecord record = call_();
    over_ = true;
    return record;
  }
  void Again() { over_ = false; }
  const std::atomic<bool>& over() const { return over_; }

 private:
  std::function<CallRecord()> call_;
  std::atomic<bool> over_{false};
};

// The slot that a vCPU looks at is deleted and created again.
void RaceWithDelete(GuestScene& scene) {
  FillWithMemoryMark(scene);
  ASSERT_OK_AND_ASSIGN(Looker looker, Looker::Make(scene.cpu, scene.slot.range()));
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
  ASSERT_OK_AND_ASSIGN(Looker looker, Looker::Make(scene.cpu, scene.slot.range()));
  ASSERT_OK_AND_ASSIGN(Looker other, Looker::Make(second, scene.slot.range()));
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
  ASSERT_OK_AND_ASSIGN(Looker looker, Looker::Make(scene.cpu, {kHome, Pages(5)}));
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
  ASSERT_OK_AND_ASSIGN(Looker looker, Looker::Make(scene.cpu, scene.slot.range()));
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
    if (looker.last() == ExitKind::kIo) looker.RunOnce();
    if (looker.last() != ExitKind::kMmio) ++others;
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
  ASSERT_OK_AND_ASSIGN(Looker looker, Looker::Make(scene.cpu, scene.slot.range()));
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
  EXPECT_EQ(scene.cpu.result(1).value, kMemory);
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
