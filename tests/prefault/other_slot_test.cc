// SPDX-License-Identifier: GPL-2.0-only
// Prefault against slot updates on a VM as it comes, with the zap-all quirk on: a delete drops the
// mappings of every slot.
#include "harness/race/race.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"

namespace kct {
namespace {

using testing::AnyOf;

class PrefaultWithZapAll : public RaceTest<Need::kTdp, Need::kPrefault> {};

// The slot being deleted is the one being prefaulted, on a default VM: a caller whose root goes
// obsolete after its slot has gone has to come back as well.
KCT_TEST(PrefaultWithZapAll, ComesBackWhenItsSlotHasGone, "PREFAULT-40") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 64}));
  Race race(Seed(), {.meetings = 60});
  race.Actor("prefault", [&] { return scene.vcpu.PreFault(scene.slot.range()); });
  race.Actor("delete", [&] { return scene.slot.Delete(); });
  race.AfterRound([&] { return scene.slot.Restore(); });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("prefault against delete of its slot, zap-all quirk on", history);

  EXPECT_THAT(history,
              EveryCall("prefault", AnyOf(MakesProgress(), FailsWith(EAGAIN), FailsWith(ENOENT))));
  EXPECT_THAT(history, EveryCall("delete", Succeeds()));
}

}  // namespace
}  // namespace kct
