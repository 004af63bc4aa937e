// SPDX-License-Identifier: GPL-2.0-only
// Who waits for whom: updates, prefaults, invalidations by the host, and each other.
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "harness/abi/host_memory.h"
#include "harness/liveness/in_flight.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/race/race.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/held_up_updates.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

using testing::AnyOf;

class MemslotUpdateOrder : public RaceTest<Need::kRoot> {};
class MemslotUpdateOrderGuestMemfd : public RaceTest<Need::kRoot, Need::kGuestMemfd> {};
class MemslotUpdateUnderPrefault
    : public RaceTest<Need::kTdp, Need::kPrefault, Need::kZapAllQuirk, Need::kRoot> {};
class MemslotUpdateUnderInvalidation : public RaceTest<> {};

// While one update is held up another one of the same VM does not return, and judges the layout
// that the first one leaves: a slot can be created over one whose delete had begun before.
KCT_TEST(MemslotUpdateOrder, OneWaitsForTheOther, "MEMSLOT-38") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  Actor remove("delete"), create("create");
  HeldUpUpdates held_up(scene);
  ASSERT_OK(held_up.Begin());
  remove.Start([&] { return scene.slot.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn("synchronize_srcu"), "the first update is held up");

  create.Start(
      [&] { return scene.vm.SetUserMemoryRegion(RegionOf(scene.slot.memory(), kHome, 500)); });
  EXPECT_TRUE(create.WaitBlockedIn("kvm_vm_ioctl")) << "the second update did not wait";
  EXPECT_FALSE(remove.Done());
  ReportAnchoredMeeting("an update waits for another one that is held up");

  EXPECT_THAT(held_up.End(), Succeeds());
  EXPECT_THAT(remove.Finish(), Succeeds());
  EXPECT_THAT(create.Finish(), Succeeds());
}

// So does the last close of a guest_memfd that a slot of the VM is on.
KCT_TEST(MemslotUpdateOrderGuestMemfd, TheLastCloseWaits, "MEMSLOT-38") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  const auto made =
      scene.vm.CreateGuestMemfd(Pages(4), GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
  ASSERT_THAT(made, Succeeds());
  UniqueFd memfd(made.ret);
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  kvm_userspace_memory_region2 region = Region2Of(RegionOf(memory, 2_GiB_gpa, 500));
  region.flags = KVM_MEM_GUEST_MEMFD;
  region.guest_memfd = static_cast<uint32_t>(memfd.get());
  ASSERT_THAT(scene.vm.SetUserMemoryRegion2(region), Succeeds());
  Actor remove("delete"), last_close("close");
  HeldUpUpdates held_up(scene);
  ASSERT_OK(held_up.Begin());
  remove.Start([&] { return scene.slot.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn("synchronize_srcu"), "the update is held up");

  last_close.Start([&] {
    InFlight call("close of a guest_memfd");
    memfd.Reset();
    return CallRecord{};
  });
  EXPECT_TRUE(last_close.WaitBlockedIn("kvm_gmem_release")) << "the close did not wait";
  ReportAnchoredMeeting("the last close of a guest_memfd waits for an update that is held up");

  EXPECT_THAT(held_up.End(), Succeeds());
  EXPECT_THAT(remove.Finish(), Succeeds());
  last_close.Finish();
}

// An update that finds a prefault of two pages parked in the first one completes when that page
// comes; the prefault gets out by itself, with what it did or EAGAIN.
void ExpectNoCycle(Scene& scene, const std::function<CallRecord()>& update) {
  Actor prefault("prefault"), change("update");
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.slot.hva()));
  prefault.Start([&] { return scene.vcpu.PreFault(scene.slot.range()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault waits for its page");
  change.Start(update);
  ASSERT_REACHED(change.WaitBlockedIn("synchronize_srcu"), "the update waits for the prefault");
  ReportAnchoredMeeting("an update waits for a prefault that is parked in a page");

  ASSERT_OK(anchor.Release());

  EXPECT_THAT(change.Finish(), Succeeds());
  EXPECT_THAT(prefault.Finish(), AnyOf(MakesProgress(), FailsWith(EAGAIN)));
}

// The update deletes the prefault's own slot.
KCT_TEST(MemslotUpdateUnderPrefault, ADeleteCompletes, "MEMSLOT-44") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 2, .zap_all = ZapAllQuirk::kOff}));
  ExpectNoCycle(scene, [&] { return scene.slot.Delete(); });
  EXPECT_THAT(TryPageAt(scene.vm, Scene::kGpa), Succeeds());
}

// The update moves it.
KCT_TEST(MemslotUpdateUnderPrefault, AMoveCompletes, "MEMSLOT-44") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 2, .zap_all = ZapAllQuirk::kOff}));
  ExpectNoCycle(scene, [&] { return scene.slot.MoveTo(8_GiB_gpa); });
  EXPECT_THAT(TryPageAt(scene.vm, Scene::kGpa), Succeeds());
}

// The update has nothing to do with it.
KCT_TEST(MemslotUpdateUnderPrefault, ACreationCompletes, "MEMSLOT-44") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 2, .zap_all = ZapAllQuirk::kOff}));
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(1)));
  ExpectNoCycle(scene, [&] { return scene.vm.SetUserMemoryRegion(RegionOf(memory, kHome, 500)); });
  EXPECT_THAT(scene.vcpu.PreFaultAll(scene.slot.range()), Completes());
}

// Write-protects memory and allows writing again, which is an invalidation each, until `over`.
CallRecord InvalidateUntil(const std::atomic<bool>& over, const Mapping& memory) {
  InFlight in_flight("mprotect in a loop");
  CallRecord record{.begin = StampTsc()};
  do {
    const CallRecord readable = Protect(memory.hva(), memory.size(), PROT_READ);
    const CallRecord writable = Protect(memory.hva(), memory.size(), PROT_READ | PROT_WRITE);
    if (!readable.ok() || !writable.ok()) record.ret = -1;
  } while (record.ok() && !over);
  record.end = StampTsc();
  return record;
}

// Updates complete while a thread invalidates memory of the VM again and again.
KCT_TEST(MemslotUpdateUnderInvalidation, Completes, "MEMSLOT-36") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 64}));
  for (uint64_t page = 0; page < 64; ++page) scene.Word(page) = 7;
  ASSERT_OK_AND_ASSIGN(Memslot other, scene.vm.AddMemslot({.gpa = 3_GiB_gpa, .size = Pages(4)}));
  std::atomic<bool> over{false};

  Race race(Seed(), {.meetings = 20});
  race.Actor("invalidate", [&] { return InvalidateUntil(over, scene.slot.memory()); });
  race.Actor("delete", [&] {
    const CallRecord record = other.Delete();
    over = true;
    return record;
  });
  race.AfterRound([&] {
    over = false;
    return other.Restore();
  });
  ASSERT_OK_AND_ASSIGN(History history, race.Run());
  ASSERT_MET("delete against invalidations", history);

  EXPECT_THAT(history, EveryCall("invalidate", Succeeds()));
  EXPECT_THAT(history, EveryCall("delete", Succeeds()));
  EXPECT_THAT(TryPageAt(scene.vm, 3_GiB_gpa), FailsWith(EEXIST));
}

}  // namespace
}  // namespace kct
