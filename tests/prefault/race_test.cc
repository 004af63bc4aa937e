// SPDX-License-Identifier: GPL-2.0-only
// Prefault against everything that may go on at the same time, met by chance and counted.
#include <atomic>

#include "harness/abi/host_memory.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/race/race.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"

namespace kct {
namespace {

using testing::AnyOf;

class PrefaultRaces : public RaceTest<Need::kTdp, Need::kPrefault, Need::kZapAllQuirk> {};

constexpr SceneOptions kQuiet{.pages = 64, .zap_all = ZapAllQuirk::kOff};

// A slot deleted under a prefault costs the caller a retry: the call maps something, or says that
// the slot is going (EAGAIN) or gone (ENOENT). Afterwards the same call completes.
KCT_TEST(PrefaultRaces, WithDeleteMapsSomethingOrSaysWhy, "PREFAULT-36", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make(kQuiet));
  Race race(Seed(), {.meetings = 60});
  race.Actor("prefault", [&] { return scene.vcpu.PreFault(scene.slot.range()); });
  race.Actor("delete", [&] { return scene.slot.Delete(); });
  race.AfterRound([&] { return scene.slot.Restore(); });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("prefault against delete of its slot", history);

  EXPECT_THAT(history,
              EveryCall("prefault", AnyOf(MakesProgress(), FailsWith(EAGAIN), FailsWith(ENOENT))));
  EXPECT_THAT(history, EveryCall("delete", Succeeds()));
  SCOPED_CLAUSE("PREFAULT-37");
  EXPECT_THAT(scene.vcpu.PreFaultAll(scene.slot.range()), Completes());
}

// A slot moves up and down by one page; the pages in the middle always have a slot, so the answer
// for them is never ENOENT.
KCT_TEST(PrefaultRaces, WithACoveringMoveNeverSaysNoSlot, "PREFAULT-38", "PREFAULT-36") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make(kQuiet));
  const GpaRange middle{Scene::kGpa + kPage, scene.slot.size() - kPage};
  Race race(Seed(), {.meetings = 60});
  race.Actor("prefault", [&] { return scene.vcpu.PreFault(middle); });
  race.Actor("move", [&] { return scene.slot.MoveTo(Scene::kGpa + kPage); });
  race.AfterRound([&] { return scene.slot.MoveTo(Scene::kGpa); });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("prefault against a move that covers it", history);

  EXPECT_THAT(history, EveryCall("prefault", AnyOf(MakesProgress(), FailsWith(EAGAIN))));
  EXPECT_THAT(history, EveryCall("move", Succeeds()));
}

// Host pages that come and go are KVM's business: it retries, and the caller sees only success.
KCT_TEST(PrefaultRaces, WithInvalidationsAlwaysCompletes, "PREFAULT-43") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make(kQuiet));
  Race race(Seed(), {.meetings = 60});
  race.Actor("prefault", [&] { return scene.vcpu.PreFault(scene.slot.range()); });
  race.Actor("drop", [&] { return DropPages(scene.slot.hva(), scene.slot.size()); });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("prefault against MADV_DONTNEED", history);

  EXPECT_THAT(history, EveryCall("prefault", Completes()));
  EXPECT_THAT(history, EveryCall("drop", Succeeds()));
}

// vCPUs don't wait for each other: one is parked in a page, the other prefaults meanwhile.
KCT_TEST(PrefaultRaces, RunInParallelOnSeveralVcpus, "PREFAULT-44") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make(kQuiet));
  ASSERT_OK_AND_ASSIGN(Vcpu second_vcpu, scene.vm.AddVcpu());
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(0)));
  Actor parked("parked");
  parked.Start([&] { return scene.vcpu.PreFault(scene.PageOf(0)); });
  ASSERT_REACHED(anchor.WaitReached(), "the first prefault is parked");
  ReportAnchoredMeeting("a vCPU prefaulted while another was parked in a prefault");

  EXPECT_THAT(second_vcpu.PreFault(scene.PageOf(1)), Completes());

  EXPECT_FALSE(parked.Done());
  ASSERT_OK(anchor.Release());
  EXPECT_THAT(parked.Finish(), Completes());
}

// Updates get through while two vCPUs never stop prefaulting.
KCT_TEST(PrefaultRaces, DoNotStarveUpdates, "PREFAULT-51") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make(kQuiet));
  ASSERT_OK_AND_ASSIGN(Vcpu second_vcpu, scene.vm.AddVcpu());
  ASSERT_OK_AND_ASSIGN(Memslot other,
                       scene.vm.AddMemslot({.gpa = Scene::kGpa + 2_MiB, .size = kPage}));
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> prefaults{0};
  const auto stream = [&](const Vcpu& vcpu) {
    CallRecord last;
    do {
      last = vcpu.PreFault(scene.slot.range());
      ++prefaults;
    } while (last.ok() && !stop);
    return last;
  };
  Actor first("prefault 1"), second("prefault 2");
  first.Start([&] { return stream(scene.vcpu); });
  second.Start([&] { return stream(second_vcpu); });

  int met = 0;
  // A busy host may let nobody prefault for a while.
  const Instant deadline = Clock::now() + 20s;
  for (int i = 0; i < 50 || (met < 20 && Clock::now() < deadline); ++i) {
    const uint64_t before = prefaults;
    EXPECT_THAT(other.Delete(), Succeeds());
    EXPECT_THAT(other.Restore(), Succeeds());
    if (prefaults != before) ++met;
  }
  stop = true;

  EXPECT_THAT(first.Finish(), Completes());
  EXPECT_THAT(second.Finish(), Completes());
  ASSERT_REACHED(met >= 20, "20 updates with prefaults going on");
}

}  // namespace
}  // namespace kct
