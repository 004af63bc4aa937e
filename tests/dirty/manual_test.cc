// SPDX-License-Identifier: GPL-2.0-only
// Manual protection: reading the dirty log leaves it as it is, another call takes pages out.
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

constexpr uint32_t kPages = 128;

class DirtyLogByHand : public VmTest<Need::kManualLog> {
 protected:
  struct Log {
    uint64_t words[kPages / 64];
  };
  // Logging begins after manual protection was chosen.
  static Result<GuestScene> Make(uint64_t protection) {
    KCT_TRY(GuestScene scene, GuestScene::Make({.pages = kPages}));
    const auto chosen = scene.vm.EnableCap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, protection);
    if (!chosen.ok()) return MakeError("{}", chosen.Record().ToString());
    const auto logged = scene.slot.SetFlags(KVM_MEM_LOG_DIRTY_PAGES);
    if (!logged.ok()) return MakeError("{}", logged.Record().ToString());
    return scene;
  }
  static Log Read(const GuestScene& scene) {
    Log log = {};
    EXPECT_THAT(scene.vm.GetDirtyLog(scene.slot.id(), log.words), Succeeds());
    return log;
  }
  static void Write(GuestScene& scene, uint64_t page) {
    ASSERT_OK(scene.cpu.Load(Program().Write64(kHome + Pages(page), 1)));
    ASSERT_TRUE(scene.cpu.RunUntilDone().done());
  }
  static auto Clear(const GuestScene& scene, uint64_t first, uint32_t pages, uint64_t bits) {
    uint64_t words[kPages / 64] = {bits};
    return scene.vm.ClearDirtyLog(scene.slot.id(), first, pages, words);
  }
};

// Reading takes nothing out of the log; clearing takes out what it is told, and those pages are
// logged again from then on.
KCT_TEST(DirtyLogByHand, KeepsItsPagesUntilTheyAreCleared, "DIRTY-07") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, Make(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
  Write(scene, 3);
  Write(scene, 70);
  EXPECT_EQ(Read(scene).words[0], 0b1000u);
  EXPECT_EQ(Read(scene).words[0], 0b1000u) << "read twice";

  EXPECT_THAT(Clear(scene, 0, 64, 0b1000), Succeeds());
  EXPECT_EQ(Read(scene).words[0], 0u);
  EXPECT_EQ(Read(scene).words[1], 1u << 6) << "not cleared";

  Write(scene, 3);
  EXPECT_EQ(Read(scene).words[0], 0b1000u);
}

// A log may begin with all pages in it.
KCT_TEST(DirtyLogByHand, MayBeginFull, "DIRTY-07") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene,
                       Make(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET));

  EXPECT_EQ(Read(scene).words[0], ~uint64_t{0});
  EXPECT_EQ(Read(scene).words[1], ~uint64_t{0});
}

// Ranges begin at a multiple of 64 pages, have as many, and lie in the slot.
KCT_TEST(DirtyLogByHand, ClearsAlignedRangesOnly, "DIRTY-08") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, Make(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
  Write(scene, 1);

  EXPECT_THAT(Clear(scene, 1, 64, ~uint64_t{0}), FailsWith(EINVAL));
  EXPECT_THAT(Clear(scene, 0, 63, ~uint64_t{0}), FailsWith(EINVAL));
  EXPECT_THAT(Clear(scene, 64, 128, ~uint64_t{0}), FailsWith(EINVAL)) << "beyond the end";

  EXPECT_EQ(Read(scene).words[0], 0b10u);
}

}  // namespace
}  // namespace kct
