// SPDX-License-Identifier: GPL-2.0-only
// The dirty log: which pages are in it, and what reading it does.
#include <sys/mman.h>

#include "harness/abi/host_memory.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

constexpr uint32_t kLogged = KVM_MEM_LOG_DIRTY_PAGES;

class DirtyLog : public VmTest<> {
 protected:
  // The bits of the first 64 pages.
  static uint64_t Read(const GuestScene& scene) {
    uint64_t bits = 0;
    EXPECT_THAT(scene.vm.GetDirtyLog(scene.slot.id(), &bits), Succeeds());
    return bits;
  }
  // Lets the guest write one word to each of some pages.
  static void Write(GuestScene& scene, const std::vector<uint64_t>& pages) {
    Program program;
    for (uint64_t page : pages) program.Write64(kHome + Pages(page), page + 1);
    ASSERT_OK(scene.cpu.Load(program));
    ASSERT_TRUE(scene.cpu.RunUntilDone().done());
  }
};

// The pages that the guest wrote are in the log, and no others.
KCT_TEST(DirtyLog, HasWhatTheGuestWrote, "DIRTY-01") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 64, .flags = kLogged}));

  Write(scene, {0, 7, 63});

  EXPECT_EQ(Read(scene), uint64_t{1} << 63 | 1 << 7 | 1);
}

// Reading the log empties it: the next one has what was written since then.
KCT_TEST(DirtyLog, StartsAnewWhenRead, "DIRTY-02", "DIRTY-01") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 4, .flags = kLogged}));
  Write(scene, {0, 1});
  EXPECT_EQ(Read(scene), 0b11u);

  EXPECT_EQ(Read(scene), 0u) << "nobody wrote since";
  Write(scene, {1, 2});
  EXPECT_EQ(Read(scene), 0b110u);
}

// What the guest wrote before logging began does not count; its next write to the same page does.
KCT_TEST(DirtyLog, BeginsWithTheFlag, "DIRTY-01") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 4}));
  Write(scene, {1});
  ASSERT_THAT(scene.slot.SetFlags(kLogged), Succeeds());
  EXPECT_EQ(Read(scene), 0u);

  Write(scene, {1});
  EXPECT_EQ(Read(scene), 0b10u);
}

// A slot without logging has no log, an id that no slot can have is another error.
KCT_TEST(DirtyLog, IsThereWhileLoggingIsOn, "DIRTY-04") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 4}));
  uint64_t bits = 0;
  const int ids = scene.vm.CheckExtension(KVM_CAP_NR_MEMSLOTS);
  ASSERT_GT(ids, 0);

  EXPECT_THAT(scene.vm.GetDirtyLog(scene.slot.id(), &bits), FailsWith(ENOENT));
  EXPECT_THAT(scene.vm.GetDirtyLog(scene.slot.id() + 1, &bits), FailsWith(ENOENT)) << "no slot";
  EXPECT_THAT(scene.vm.GetDirtyLog(static_cast<uint32_t>(ids), &bits), FailsWith(EINVAL));
}

// What the guest wrote is in the log of its slot wherever that moves, and its writes there as well.
KCT_TEST(DirtyLog, MovesWithItsSlot, "DIRTY-14") {
  constexpr Gpa kElsewhere = 4_GiB_gpa;
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 4, .flags = kLogged}));
  Write(scene, {0, 2});

  ASSERT_THAT(scene.slot.MoveTo(kElsewhere), Succeeds());

  EXPECT_EQ(Read(scene), 0b101u);
  ASSERT_OK(scene.cpu.Load(Program().Write64(kElsewhere + kPage, 7)));
  ASSERT_TRUE(scene.cpu.RunUntilDone().done());
  EXPECT_EQ(Read(scene), 0b10u);
}

// A log that begins again, with the flag or with the slot, has nothing of the one before.
KCT_TEST(DirtyLog, EndsWithItsFlagAndWithItsSlot, "DIRTY-15") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 4, .flags = kLogged}));
  Write(scene, {0});

  ASSERT_THAT(scene.slot.SetFlags(0), Succeeds());
  ASSERT_THAT(scene.slot.SetFlags(kLogged), Succeeds());
  EXPECT_EQ(Read(scene), 0u) << "after the flag";

  Write(scene, {1});
  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  ASSERT_THAT(scene.slot.Restore(), Succeeds());
  EXPECT_EQ(Read(scene), 0u) << "after the slot";
}

// A log that can't be handed over is not lost.
KCT_TEST(DirtyLog, SurvivesAReaderThatCantTakeIt, "DIRTY-05") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 4, .flags = kLogged}));
  Write(scene, {2});

  EXPECT_THAT(scene.vm.GetDirtyLog(scene.slot.id(), nullptr), FailsWith(EFAULT));

  EXPECT_EQ(Read(scene), 0b100u);
}

// A huge page that the guest has used is told apart by its small pages once logging is on.
KCT_TEST(DirtyLog, TellsPagesOfAHugePageApart, "DIRTY-06", "DIRTY-01") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 512}));
  Madvise(scene.slot.hva(), scene.slot.size(), MADV_HUGEPAGE, "madvise HUGEPAGE");
  Write(scene, {0, 300});
  ASSERT_THAT(scene.slot.SetFlags(kLogged), Succeeds());

  Write(scene, {5});

  std::vector<uint64_t> bits(512 / 64);
  ASSERT_THAT(scene.vm.GetDirtyLog(scene.slot.id(), bits.data()), Succeeds());
  EXPECT_EQ(bits[0], 1u << 5);
  for (std::size_t i = 1; i < bits.size(); ++i) EXPECT_EQ(bits[i], 0u) << "word " << i;
}

}  // namespace
}  // namespace kct
