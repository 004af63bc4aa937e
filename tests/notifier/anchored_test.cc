// SPDX-License-Identifier: GPL-2.0-only
// Every source while somebody is parked in the middle of a fault of the same slot.
#include "harness/liveness/in_flight.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/run_beside.h"
#include "tests/notifier/stage.h"

namespace kct {
namespace {

class NotifierUnderFault : public EachTest<TestKind::kRace, EveryNotifier> {};
class NotifierUnderPrefault
    : public EachTest<TestKind::kRace, EveryNotifier, Need::kTdp, Need::kPrefault> {};

// Some sources look for pages all over the system.
constexpr Duration kSourceBudget = 10s;

// The actor gets as far as the page behind the place and is parked there; the source does its work
// all the same. Whether it came to that.
bool WorksWhileParked(Stage& stage, PageAnchor& anchor, const Actor& actor) {
  if (!anchor.WaitReached()) {
    ReportInconclusive(fmt::format("no {} was seen in the page behind the place", actor.name()));
    return false;
  }
  const CallRecord fired = stage.place().Fire();
  EXPECT_FALSE(actor.Done());
  EXPECT_TRUE(anchor.Release().ok());
  if (stage.source().gives_up == 0) {
    EXPECT_THAT(fired, Succeeds());
  } else {
    EXPECT_THAT(fired, testing::AnyOf(Succeeds(), FailsWith(stage.source().gives_up)));
  }
  ReportAnchoredMeeting(fmt::format("a source did its work while a {} was parked", actor.name()));
  return true;
}

// A vCPU waits for a page of the slot. Nobody waits for it, and its fault, which began before the
// invalidation, is made anew.
KCT_TEST_P(NotifierUnderFault, WorksAndTheFaultIsTriedAgain, "MN-05", "MN-01", "MN-02", "MN-04") {
  ASSERT_OK_AND_ASSIGN(const auto stage, Stage::Make(GetParam(), Stage::Anchor::kBehind));
  ASSERT_OK(stage->LetTheGuestIn());
  ASSERT_OK(stage->cpu().Load(Program().Read64(stage->anchor()).Expect(0)));
  RunBeside run(stage->cpu(), kSourceBudget);
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(stage->anchor_hva()));
  run.Start();

  if (!WorksWhileParked(*stage, anchor, run.actor())) return;

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(stage->cpu().result(0).unexpected, 0u);
  EXPECT_EQ(stage->Complaint(), "");
}
KCT_INSTANTIATE(NotifierUnderFault);

// The same of a prefault that has mapped the place and waits for the page behind it.
KCT_TEST_P(NotifierUnderPrefault, WorksAndThePrefaultCompletes, "MN-05", "MN-01", "MN-02",
           "MN-04") {
  ASSERT_OK_AND_ASSIGN(const auto stage, Stage::Make(GetParam(), Stage::Anchor::kBehind));
  Actor prefault("prefault");
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(stage->anchor_hva()));
  prefault.Start([&] {
    const ScopedBudget budget(kSourceBudget);
    return stage->cpu().vcpu().PreFaultAll({Stage::kGpa, stage->place().size() + kPage}).Record();
  });

  if (!WorksWhileParked(*stage, anchor, prefault)) return;

  EXPECT_THAT(prefault.Finish(), Completes());
  EXPECT_EQ(stage->Complaint(), "");
}
KCT_INSTANTIATE(NotifierUnderPrefault);

}  // namespace
}  // namespace kct
