// SPDX-License-Identifier: GPL-2.0-only
// Userfaultfd as a monitor of the guest: who waits for it, and what it learns of who does not.
#include <algorithm>

#include "harness/abi/pagemap_scan.h"
#include "harness/abi/userfaultfd.h"
#include "harness/base/patience.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"
#include "harness/testing/run_beside.h"

namespace kct {
namespace {

class NotifierMonitor : public RaceTest<Need::kUffdClose> {};
class NotifierPagemap : public VmTest<Need::kPagemapScan> {};
class NotifierRacingPagemap : public RaceTest<Need::kPagemapScan> {};

constexpr uint64_t kBefore = 7, kByGuest = 8;
constexpr Duration kPatience = 5s;

// The guest, which had the page mapped for writing, makes one access to it. It does not come past
// the monitor, and finds what was there.
void ExpectToWait(const Program& access) {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, kBefore)));
  ASSERT_THAT(scene.cpu.Run(), IsDone());
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd, Userfaultfd::Register(scene.slot.hva(), scene.slot.size(),
                                                               OnFault::kWait, FaultKind::kClosed));
  ASSERT_THAT(uffd.Close(scene.slot.hva(), kPage), Succeeds());
  ASSERT_OK(scene.cpu.Load(access));
  run.Start();

  const std::optional<PageFault> fault = uffd.NextFault(GiveUpAfter(kPatience));
  EXPECT_EQ(fault, (PageFault{scene.slot.hva(), FaultKind::kClosed}));
  EXPECT_FALSE(run.actor().Done());
  EXPECT_EQ(scene.cpu.result(0).runs, 0u) << "the access has been made";
  ASSERT_THAT(uffd.Open(scene.slot.hva(), kPage), Succeeds());
  ReportAnchoredMeeting("a guest was held up at a closed page");

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u);
}

// A read of a closed page waits …
KCT_TEST(NotifierMonitor, HoldsUpARead, "MN-21") {
  ExpectToWait(Program().Read64(kHome).Expect(kBefore));
}

// … as a write does …
KCT_TEST(NotifierMonitor, HoldsUpAWrite, "MN-21") {
  ExpectToWait(Program().AtomicAdd(kHome, 1).Expect(kBefore));
}

// Each page that the guest has written since the last scan is reported by the next, and no other.
KCT_TEST(NotifierPagemap, ReportsWhatTheGuestWrote, "MN-23") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().WriteTouch(scene.slot.range(), kBefore)));
  ASSERT_THAT(scene.cpu.Run(), IsDone());
  ASSERT_OK_AND_ASSIGN(const Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kNoted,
                                             FaultKind::kProtected));
  ASSERT_OK_AND_ASSIGN(const auto all, TakeWrittenPages(scene.slot.hva(), scene.slot.size()));
  ASSERT_EQ(all.size(), 4u);

  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Write64(kHome + kPage, kByGuest)));
  ASSERT_THAT(scene.cpu.Run(), IsDone());

  ASSERT_OK_AND_ASSIGN(const auto written, TakeWrittenPages(scene.slot.hva(), scene.slot.size()));
  EXPECT_EQ(written, std::vector<Hva>{scene.slot.hva() + kPage});
  EXPECT_EQ(scene.Word(1), kByGuest);
}

// A guest writes all the time, and pages are taken stock of meanwhile. A page that changed between
// the end of a scan and the beginning of the next one was written in between: the next one says so.
KCT_TEST(NotifierRacingPagemap, MissesNoWrite, "MN-23") {
  constexpr int kChangesWanted = 20;
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 2}));
  ASSERT_OK_AND_ASSIGN(const Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kNoted,
                                             FaultKind::kProtected));
  ASSERT_OK(scene.cpu.Load(
      Program().LoopStart().AtomicAdd(kHome, 1).AtomicAdd(kHome + kPage, 1).RepeatUntilFlag()));
  RunBeside run(scene.cpu, 2 * kPatience);
  run.Start();

  int changes = 0, missed = 0;
  const Instant deadline = GiveUpAfter(kPatience);
  uint64_t seen[2] = {};
  const auto has_changed = [&](uint64_t page) { return scene.Word(page) != seen[page]; };
  // Scans without a pause would hold up the guest's writes for good.
  while (changes < kChangesWanted && missed == 0 &&
         WaitUntil([&] { return has_changed(0) || has_changed(1); }, deadline)) {
    const bool changed[2] = {has_changed(0), has_changed(1)};
    auto written = TakeWrittenPages(scene.slot.hva(), scene.slot.size());
    if (!written) break;
    for (uint64_t page = 0; page < 2; ++page) {
      seen[page] = scene.Word(page);
      if (!changed[page]) continue;
      ++changes;
      missed += std::count(written->begin(), written->end(), scene.slot.hva() + Pages(page)) == 0;
    }
  }
  scene.cpu.RaiseFlag();

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(missed, 0) << "of " << changes << " pages that had changed since the scan before";
  ASSERT_REACHED(changes >= kChangesWanted, "writes between scans");
  Note(fmt::format("{} pages had changed since the scan before", changes));
}

}  // namespace
}  // namespace kct
