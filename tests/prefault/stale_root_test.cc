// SPDX-License-Identifier: GPL-2.0-only
// Prefault on a vCPU whose root of the stage-2 tables has become obsolete. Deleting any slot of a
// default VM does that (the zap-all quirk is on unless turned off); so does nx_huge_pages.
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"

namespace kct {
namespace {

constexpr const char* kUpdateWaits = "synchronize_srcu";

class PrefaultAfterDelete : public VmTest<Need::kTdp, Need::kPrefault> {};
class PrefaultWithObsoleteRoot : public RaceTest<Need::kTdp, Need::kPrefault, Need::kRoot> {};
class PrefaultWithNxToggled : public RaceTest<Need::kTdp, Need::kPrefault, Need::kRoot> {
 protected:
  void TearDown() override {
    if (!before_.empty()) (void)SetModuleParameter("kvm", kParameter, before_);
  }
  static constexpr const char* kParameter = "nx_huge_pages";
  std::string before_;
};

// No race at all: a slot goes, comes back, and is prefaulted again.
KCT_TEST(PrefaultAfterDelete, Completes, "PREFAULT-50") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());

  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  ASSERT_THAT(scene.slot.Restore(), Succeeds());

  EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());
}

// Nor does the slot have to come back: without it the answer is ENOENT.
KCT_TEST(PrefaultAfterDelete, FindsTheSlotGone, "PREFAULT-50", "PREFAULT-15") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());

  ASSERT_THAT(scene.slot.Delete(), Succeeds());

  EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), FailsWith(ENOENT));
}

// A prefault of a slot that nobody touches, while another slot is deleted.
//
// Two prefaults on two vCPUs put it there. The first one holds the deletion in its first wait, so
// that the second can begin behind that wait with a root that is still good, and park in its page.
// Then the first returns: the deletion goes on, makes the root obsolete, and comes to its second
// wait, this time for the second prefault; which gets its page and has to notice the root.
KCT_TEST(PrefaultWithObsoleteRoot, SurvivesTheDeletionOfAnotherSlot, "PREFAULT-39") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 2}));
  ASSERT_OK_AND_ASSIGN(Vcpu second_vcpu, scene.vm.AddVcpu());
  ASSERT_OK_AND_ASSIGN(Memslot other,
                       scene.vm.AddMemslot({.gpa = Scene::kGpa + 2_MiB, .size = kPage}));
  ASSERT_OK_AND_ASSIGN(PageAnchor first_page, PageAnchor::At(scene.HvaOfPage(0)));
  ASSERT_OK_AND_ASSIGN(PageAnchor second_page, PageAnchor::At(scene.HvaOfPage(1)));
  Actor first("first"), second("prefault"), remove("delete");
  first.Start([&] { return scene.vcpu.PreFault(scene.PageOf(0)); });
  ASSERT_REACHED(first_page.WaitReached(), "the first prefault is parked");
  remove.Start([&] { return other.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn(kUpdateWaits), "the delete waits for the first prefault");
  second.Start([&] { return second_vcpu.PreFault(scene.PageOf(1)); });
  ASSERT_REACHED(second_page.WaitReached(), "the second prefault is parked");
  const uint64_t waits = remove.Probe().Waits();
  ASSERT_OK(first_page.Release());
  ASSERT_THAT(first.Finish(), Completes());
  ASSERT_REACHED(remove.WaitBlockedAgainIn(kUpdateWaits, waits),
                 "the delete waits for the second prefault, with the roots gone");
  ReportAnchoredMeeting("the root became obsolete while a prefault was in its page");

  ASSERT_OK(second_page.Release());

  EXPECT_THAT(second.Finish(), testing::AnyOf(Completes(), FailsWith(EAGAIN)));
  EXPECT_THAT(remove.Finish(), Succeeds());
}

// The same root, made obsolete by a module parameter instead of a slot.
KCT_TEST(PrefaultWithNxToggled, Completes, "PREFAULT-41") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 1}));
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(0)));
  before_ = ModuleParameter("kvm", kParameter);
  ASSERT_OK(SetModuleParameter("kvm", kParameter, "N"));
  Actor prefault("prefault");
  prefault.Start([&] { return scene.vcpu.PreFault(scene.slot.range()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked in the page");
  ASSERT_OK(SetModuleParameter("kvm", kParameter, "Y"));
  ReportAnchoredMeeting("nx_huge_pages was switched while a prefault was in its page");

  ASSERT_OK(anchor.Release());

  EXPECT_THAT(prefault.Finish(), Completes());
}

}  // namespace
}  // namespace kct
