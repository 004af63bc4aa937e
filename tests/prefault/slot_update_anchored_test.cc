// SPDX-License-Identifier: GPL-2.0-only
// Prefault against memslot updates, with one side parked at an exact point: each interleaving here
// comes about by construction, not by luck.
//
// All scenes turn the zap-all quirk off, so that what is seen is the slot's own race; with the
// quirk on, see other_slot_test.cc.
#include "harness/abi/host_memory.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"

namespace kct {
namespace {

// Where an update waits for prefaults that still use the old slots.
constexpr const char* kUpdateWaits = "synchronize_srcu";

class PrefaultMeetsUpdate
    : public RaceTest<Need::kTdp, Need::kPrefault, Need::kZapAllQuirk, Need::kRoot> {
 protected:
  static Result<Scene> MakeScene(uint64_t pages) {
    return Scene::Make({.pages = pages, .zap_all = ZapAllQuirk::kOff});
  }
};

// The prefault is in its first page when the deletion begins, and done with it: it says how far it
// got instead of waiting for a slot that will never come back.
KCT_TEST(PrefaultMeetsUpdate, KeepsItsProgressWhenTheSlotIsDeleted, "PREFAULT-36", "PREFAULT-18",
         "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, MakeScene(4));
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(0)));
  Actor prefault("prefault"), remove("delete");
  prefault.Start([&] { return scene.vcpu.PreFault(scene.slot.range()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked in the first page");
  remove.Start([&] { return scene.slot.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn(kUpdateWaits), "the delete waits for the prefault");
  ReportAnchoredMeeting("delete began while a prefault was in its first page");

  ASSERT_OK(anchor.Release());

  EXPECT_THAT(prefault.Finish(), Leaves(Pages(3)));
  EXPECT_THAT(remove.Finish(), Succeeds());
}

// The host drops the page meanwhile, so the prefault has to look again: it finds the slot going
// and says EAGAIN. Once the deletion is over the answer is ENOENT.
KCT_TEST(PrefaultMeetsUpdate, SaysAgainWhenTheSlotIsBeingDeleted, "PREFAULT-36", "PREFAULT-37",
         "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, MakeScene(1));
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(0)));
  Actor prefault("prefault"), remove("delete");
  prefault.Start([&] { return scene.vcpu.PreFault(scene.slot.range()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked in the page");
  remove.Start([&] { return scene.slot.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn(kUpdateWaits), "the delete waits for the prefault");
  ReportAnchoredMeeting("delete began while a prefault was in its page, which was then dropped");

  ASSERT_THAT(DropPages(scene.slot.hva(), kPage), Succeeds());
  ASSERT_OK(anchor.Release());

  EXPECT_THAT(prefault.Finish(), FailsWith(EAGAIN));
  EXPECT_THAT(remove.Finish(), Succeeds());
  EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), FailsWith(ENOENT));
}

// A slot that moves by one page covers the GPA before and after. So the GPA is never without a
// slot, and ENOENT would be a lie; EAGAIN is not.
KCT_TEST(PrefaultMeetsUpdate, SaysAgainWhenAMoveStillCoversTheGpa, "PREFAULT-38", "PREFAULT-36",
         "PREFAULT-37") {
  ASSERT_OK_AND_ASSIGN(Scene scene, MakeScene(4));
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(1)));
  const GpaRange covered = scene.PageOf(1);
  Actor prefault("prefault"), move("move");
  prefault.Start([&] { return scene.vcpu.PreFault(covered); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked in the page");
  move.Start([&] { return scene.slot.MoveTo(Scene::kGpa + kPage); });
  ASSERT_REACHED(move.WaitBlockedIn(kUpdateWaits), "the move waits for the prefault");
  ReportAnchoredMeeting("move by one page began while a prefault was in a page covered throughout");

  ASSERT_THAT(DropPages(scene.HvaOfPage(1), kPage), Succeeds());
  ASSERT_OK(anchor.Release());

  EXPECT_THAT(prefault.Finish(), FailsWith(EAGAIN));
  EXPECT_THAT(move.Finish(), Succeeds());
  EXPECT_THAT(scene.vcpu.PreFault(covered), Completes());
}

// The update has to wait for the whole prefault, and is released by its end.
KCT_TEST(PrefaultMeetsUpdate, HoldsTheUpdateOffUntilItReturns, "PREFAULT-42") {
  ASSERT_OK_AND_ASSIGN(Scene scene, MakeScene(2));
  ASSERT_OK_AND_ASSIGN(Memslot other,
                       scene.vm.AddMemslot({.gpa = Scene::kGpa + 2_MiB, .size = kPage}));
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(1)));
  Actor prefault("prefault"), remove("delete");
  prefault.Start([&] { return scene.vcpu.PreFault(scene.slot.range()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked in the last page");
  remove.Start([&] { return other.Delete(); });
  const bool waits = remove.WaitBlockedIn(kUpdateWaits);
  ASSERT_FALSE(remove.Done()) << "the delete returned while the prefault was under way";
  ASSERT_REACHED(waits, "the delete waits for the prefault");
  ReportAnchoredMeeting("delete of another slot began while a prefault was in its last page");
  const uint64_t released_at = StampTsc();

  ASSERT_OK(anchor.Release());

  EXPECT_THAT(prefault.Finish(), Completes());
  const CallRecord removed = remove.Finish();
  EXPECT_THAT(removed, Succeeds());
  EXPECT_GT(removed.end, released_at) << "the delete was over before the prefault could be";
}

// Nobody supplies the page and somebody waits for the waiter: one signal resolves it all.
KCT_TEST(PrefaultMeetsUpdate, AndASignalReleasesBoth, "PREFAULT-52", "PREFAULT-29") {
  ASSERT_OK_AND_ASSIGN(Scene scene, MakeScene(1));
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(0)));
  Actor prefault("prefault"), remove("delete");
  prefault.Start([&] { return scene.vcpu.PreFault(scene.slot.range()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked in the page");
  remove.Start([&] { return scene.slot.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn(kUpdateWaits), "the delete waits for the prefault");
  ReportAnchoredMeeting("delete waits for a prefault that waits for a page nobody supplies");

  prefault.Interrupt();

  EXPECT_THAT(prefault.Finish(), FailsWith(EINTR));
  EXPECT_THAT(remove.Finish(), Succeeds());
}

}  // namespace
}  // namespace kct
