// SPDX-License-Identifier: GPL-2.0-only
// Files that change while a vCPU, a prefault or an update is at a known point.
#include "harness/abi/host_memory.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/run_beside.h"
#include "harness/testing/sigbus.h"
#include "tests/gmem/scene.h"

namespace kct {
namespace {

class GmemUnderGuest : public RaceTest<Need::kRegion2, Need::kGuestMemfd> {};
class GmemUnderGuestPoison : public RaceTest<Need::kRegion2, Need::kGuestMemfd, Need::kRoot> {};
class GmemUnderPrefault
    : public RaceTest<Need::kTdp, Need::kPrefault, Need::kRegion2, Need::kGuestMemfd> {};
class GmemUnderUpdate : public RaceTest<Need::kTdp, Need::kPrefault, Need::kRegion2,
                                        Need::kGuestMemfd, Need::kZapAllQuirk, Need::kRoot> {};

// Waits until the guest has moved on in its loop, in the same KVM_RUN.
bool MovesOn(const GuestCpu& cpu) { return cpu.WaitUntilProgress(Clock::now() + Actor::kPatience); }

// A vCPU that never leaves the guest is on the new page as soon as the punch has returned: what it
// writes from then on is what the host finds.
KCT_TEST(GmemUnderGuest, APunchReachesAVcpuThatDoesNotLeave, "GMEM-17") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.Mark(kMark);
  Program program;
  program.LoopStart().Touch(scene.slot.range()).ExpectOneOf(kMark, 0).RepeatUntilFlag();
  program.Touch(scene.slot.range()).Expect(0);
  const std::size_t after = program.last();
  ASSERT_OK(scene.cpu.Load(program.WriteTouch(scene.slot.range(), kOtherMark)));
  RunBeside run(scene.cpu);
  run.Start();
  ASSERT_REACHED(MovesOn(scene.cpu), "the guest reads its pages");

  EXPECT_THAT(scene.file.Punch(scene.file.all()), Succeeds());

  ASSERT_REACHED(MovesOn(scene.cpu), "the guest reads its pages after the punch");
  ReportAnchoredMeeting("a file was punched while its vCPU read it, in one KVM_RUN");
  scene.cpu.RaiseFlag();
  const GuestExit left = run.Finish();
  EXPECT_THAT(left.call.Record(), Succeeds());
  EXPECT_TRUE(left.done()) << left.ToString();
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
  EXPECT_EQ(scene.cpu.result(after).unexpected, 0u)
      << "after the punch the guest read " << scene.cpu.result(after).unexpected_value;
  EXPECT_TRUE(scene.IsMarked(kOtherMark)) << "the guest writes to another page than the host's";
}

// The last close throws a vCPU out that is reading the file.
KCT_TEST(GmemUnderGuest, TheLastCloseThrowsItOut, "GMEM-26") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.Mark(kMark);
  Program program;
  program.Touch(scene.slot.range()).Expect(kMark).RepeatUntilFlag();
  program.Touch(scene.slot.range()).Expect(kMark);
  ASSERT_OK(scene.cpu.Load(program));
  RunBeside run(scene.cpu);
  run.Start();
  ASSERT_REACHED(MovesOn(scene.cpu), "the guest reads its pages");
  ReportAnchoredMeeting("a file was closed while its vCPU read it");

  scene.CloseFile();
  scene.cpu.RaiseFlag();  // its last reads come after the close

  EXPECT_THAT(run.Finish(), IsMemoryFault(EFAULT));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
  EXPECT_THAT(scene.slot.Delete(), Succeeds());
}

// So does poison, of the page that has it.
KCT_TEST(GmemUnderGuestPoison, PoisonThrowsItOut, "GMEM-35") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.Mark(kMark);
  Program program;
  program.Touch(scene.slot.range()).Expect(kMark).RepeatUntilFlag();
  program.Touch(scene.slot.range()).Expect(kMark);
  ASSERT_OK(scene.cpu.Load(program));
  RunBeside run(scene.cpu);
  const SigbusCatcher catcher;
  run.Start();
  ASSERT_REACHED(MovesOn(scene.cpu), "the guest reads its pages");
  ReportAnchoredMeeting("a page was poisoned while its vCPU read it");

  Madvise(scene.HvaOf(2), kPage, MADV_HWPOISON, "madvise HWPOISON");
  scene.cpu.RaiseFlag();

  EXPECT_THAT(run.Finish(), IsMemoryFault(EHWPOISON));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
}

// A prefault over the file and a page of the host that somebody else has to supply, so that it can
// be parked there. Which of the two comes first decides what it has done by then.
struct ParkedPrefault {
  Memslot host;
  GpaRange range;

  static Result<ParkedPrefault> Make(GmemScene& scene, Gpa gpa, GpaRange range) {
    KCT_TRY(Memslot host, scene.vm.AddMemslot({.gpa = gpa, .size = kPage}));
    return ParkedPrefault{std::move(host), range};
  }
};

// A hole is made while a prefault, which has mapped the pages, is still under way: it does not
// wait for it, and what the prefault has mapped is gone.
KCT_TEST(GmemUnderPrefault, APunchDoesNotWaitForIt, "GMEM-17") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.Mark(kMark);
  ASSERT_OK_AND_ASSIGN(ParkedPrefault parked,
                       ParkedPrefault::Make(scene, scene.slot.range().end(), {kHome, Pages(5)}));
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(parked.host.hva()));
  Actor prefault("prefault");
  prefault.Start([&] { return scene.cpu.vcpu().PreFault(parked.range); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is through with the file");

  EXPECT_THAT(scene.file.Punch(scene.file.all()), Succeeds());
  EXPECT_FALSE(prefault.Done());
  ReportAnchoredMeeting("a file was punched under a prefault that had just mapped it");

  ASSERT_OK(anchor.Release());
  EXPECT_THAT(prefault.Finish(), Completes());
  ASSERT_OK(scene.Do(Program().Touch(scene.slot.range()).Expect(0)));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
  scene.Mark(kOtherMark);
  ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(0));
  EXPECT_EQ(seen, kOtherMark);
}

// The file goes while a prefault is on its way there: it keeps what it has done, and comes no
// further.
KCT_TEST(GmemUnderPrefault, TheLastCloseEndsItAtTheFile, "GMEM-26") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ASSERT_OK_AND_ASSIGN(ParkedPrefault parked,
                       ParkedPrefault::Make(scene, {kHome.value - kPage.count},
                                            {{kHome.value - kPage.count}, Pages(5)}));
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(parked.host.hva()));
  Actor prefault("prefault");
  prefault.Start([&] { return scene.cpu.vcpu().PreFault(parked.range); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked before the file");

  scene.CloseFile();
  EXPECT_FALSE(prefault.Done());
  ReportAnchoredMeeting("a file was closed under a prefault that was on its way there");

  ASSERT_OK(anchor.Release());
  EXPECT_THAT(prefault.Finish(), Leaves(Pages(4)));
  EXPECT_THAT(scene.cpu.vcpu().PreFault(scene.slot.range()), FailsWith(EFAULT));
}

// A hole is made while the delete of the slot is held up by a prefault elsewhere: nobody waits for
// anybody else, and the next slot shows the hole.
KCT_TEST(GmemUnderUpdate, APunchDoesNotWaitForADelete, "GMEM-17", "GMEM-25") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ASSERT_OK(scene.vm.DisableZapAllQuirk());
  ASSERT_OK(scene.Do(Program().WriteTouch(scene.slot.range(), kMark)));
  ASSERT_OK_AND_ASSIGN(ParkedPrefault parked,
                       ParkedPrefault::Make(scene, 3_GiB_gpa, {3_GiB_gpa, kPage}));
  Actor prefault("prefault"), remove("delete");
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(parked.host.hva()));
  prefault.Start([&] { return scene.cpu.vcpu().PreFault(parked.range); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked");
  remove.Start([&] { return scene.slot.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn("synchronize_srcu"), "the delete is held up");

  EXPECT_THAT(scene.file.Punch(scene.PageOf(1)), Succeeds());
  EXPECT_FALSE(remove.Done());
  ReportAnchoredMeeting("a file was punched while the delete of its slot was held up");

  ASSERT_OK(anchor.Release());
  EXPECT_THAT(prefault.Finish(), Completes());
  EXPECT_THAT(remove.Finish(), Succeeds());
  ASSERT_THAT(scene.slot.Bind(), Succeeds());
  ASSERT_OK(scene.Do(Program().Read64(scene.GpaOf(0)).Read64(scene.GpaOf(1))));
  EXPECT_EQ(scene.cpu.result(0).value, kMark);
  EXPECT_EQ(scene.cpu.result(1).value, 0u);
}

}  // namespace
}  // namespace kct
