// SPDX-License-Identifier: GPL-2.0-only
// How far an invalidation reaches: every slot that shows the memory, and nothing else.
#include "harness/abi/host_memory.h"
#include "harness/race/race.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class NotifierScope : public VmTest<> {};
class NotifierElsewhere : public RaceTest<> {};

constexpr uint64_t kMark = 7;

// Memory that two slots show goes in both.
KCT_TEST(NotifierScope, ReachesEverySlot, "MN-01", "MN-09") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  const Gpa elsewhere = scene.slot.gpa() + 256_MiB;
  kvm_userspace_memory_region again = scene.slot.region();
  again.slot = 100;
  again.guest_phys_addr = elsewhere.value;
  ASSERT_THAT(scene.vm.SetUserMemoryRegion(again), Succeeds());
  scene.Word() = kMark;
  ASSERT_OK(scene.cpu.Load(Program().Read64(elsewhere).Expect(kMark).Read64(scene.slot.gpa())));
  ASSERT_THAT(scene.cpu.Run(), IsDone());

  ASSERT_THAT(DropPages(scene.slot.hva(), scene.slot.size()), Succeeds());

  ASSERT_OK(scene.cpu.Load(Program().Read64(elsewhere).Read64(scene.slot.gpa())));
  ASSERT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, 0u);
  EXPECT_EQ(scene.cpu.result(1).value, 0u);
}

// A guest does not notice what happens to memory that is none of its slots'.
KCT_TEST(NotifierElsewhere, DoesNotShow, "MN-32") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(const Mapping other, Mapping::Anonymous(Pages(4)));
  for (uint64_t page = 0; page < 4; ++page) scene.Word(page) = kMark;
  Program looks;
  looks.LoopStart().Touch(scene.slot.range()).Expect(kMark).Repeat(100);

  Race race(Seed(), {.meetings = 20});
  race.Actor("run", [&] { return scene.cpu.Run().call.Record(); });
  race.Actor("drop", [&] {
    other.Word({0}) = 1;
    return DropPages(other.hva(), other.size());
  });
  ASSERT_OK(scene.cpu.Load(looks));
  race.AfterRound([&] {
    const CallRecord drop = DropPages(scene.slot.hva(), scene.slot.size());
    for (uint64_t page = 0; page < 4; ++page) scene.Word(page) = kMark;
    KCT_CHECK(scene.cpu.Load(looks).ok());
    return drop;
  });
  ASSERT_OK_AND_ASSIGN(History history, race.Run());
  ASSERT_MET("run against an invalidation elsewhere", history);

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u);
}

}  // namespace
}  // namespace kct
