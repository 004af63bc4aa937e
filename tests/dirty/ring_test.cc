// SPDX-License-Identifier: GPL-2.0-only
// Dirty rings: what is in them, what happens when one is full, and who may have one.
#include <algorithm>

#include "harness/kvm/dirty_ring.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

// The smallest ring that Intel's page modification log leaves room in.
constexpr uint32_t kEntries = 1024;
constexpr uint64_t kSlotPages = 4 * kEntries;

uint64_t RingSize() { return DirtyRing::SizeOf(kEntries); }

// A VM with rings, a guest and a logged slot.
struct RingScene {
  std::unique_ptr<Vm> vm;
  GuestMachine machine;
  GuestCpu cpu;
  Memslot slot;
  DirtyRing ring;

  static Result<RingScene> Make(uint64_t pages) {
    KCT_TRY(Vm created, Vm::Create());
    auto vm = std::make_unique<Vm>(std::move(created));
    const auto ring_chosen = vm->EnableCap(KVM_CAP_DIRTY_LOG_RING, RingSize());
    if (!ring_chosen.ok()) return MakeError("{}", ring_chosen.Record().ToString());
    KCT_TRY(GuestMachine machine, GuestMachine::Create(*vm));
    KCT_TRY(GuestCpu cpu, machine.AddCpu());
    KCT_TRY(Memslot slot,
            vm->AddMemslot({.gpa = kHome, .size = Pages(pages), .flags = KVM_MEM_LOG_DIRTY_PAGES}));
    KCT_TRY(DirtyRing ring, DirtyRing::Of(cpu.vcpu(), kEntries));
    return RingScene{std::move(vm), std::move(machine), std::move(cpu), std::move(slot),
                     std::move(ring)};
  }
};

class DirtyRings : public VmTest<Need::kDirtyRing> {};
class DirtyRingsAndPrefault : public VmTest<Need::kDirtyRing, Need::kTdp, Need::kPrefault> {};

// What the guest writes is in its ring, each page once until the ring is reset.
KCT_TEST(DirtyRings, HaveWhatTheGuestWrote, "DIRTY-09") {
  ASSERT_OK_AND_ASSIGN(RingScene scene, RingScene::Make(8));
  const uint32_t id = scene.slot.id();
  ASSERT_OK(
      scene.cpu.Load(Program().Write64(kHome, 1).Write64(kHome + Pages(5), 1).Write64(kHome, 2)));
  ASSERT_TRUE(scene.cpu.RunUntilDone().done());

  EXPECT_THAT(scene.ring.Harvest(), testing::ElementsAre(DirtyPage{id, 0}, DirtyPage{id, 5}));

  EXPECT_EQ(scene.vm->ResetDirtyRings().ret, 2);
  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome + Pages(5), 3)));
  ASSERT_TRUE(scene.cpu.RunUntilDone().done());
  EXPECT_THAT(scene.ring.Harvest(), testing::ElementsAre(DirtyPage{id, 5}));
}

// A guest that fills its ring leaves for user space, as often as it has to, and no page is missing.
KCT_TEST(DirtyRings, AreAnExitWhenFull, "DIRTY-10") {
  ASSERT_OK_AND_ASSIGN(RingScene scene, RingScene::Make(kSlotPages));
  ASSERT_OK(scene.cpu.Load(Program().WriteTouch(scene.slot.range(), 1)));
  std::vector<DirtyPage> pages;
  const auto harvest = [&] {
    const std::vector<DirtyPage> more = scene.ring.Harvest();
    pages.insert(pages.end(), more.begin(), more.end());
    EXPECT_EQ(scene.vm->ResetDirtyRings().ret, static_cast<int>(more.size()));
  };

  int full = 0;
  GuestExit guest_exit = scene.cpu.Run();
  for (; scene.cpu.vcpu().run().exit_reason == KVM_EXIT_DIRTY_RING_FULL && full < 100; ++full) {
    harvest();
    guest_exit = scene.cpu.Run();
  }
  EXPECT_TRUE(guest_exit.done()) << guest_exit.ToString();
  harvest();

  EXPECT_GE(full, 3) << "exits for a full ring";
  std::sort(pages.begin(), pages.end());
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  EXPECT_EQ(pages.size(), kSlotPages);
}

// A prefault that finds more to log than its vCPU's ring has room for stops in time: what it has
// mapped for writing is in the ring.
KCT_TEST(DirtyRingsAndPrefault, ArentOverrun, "DIRTY-11") {
  ASSERT_OK_AND_ASSIGN(RingScene scene, RingScene::Make(kSlotPages));
  // Pages that the host can write already are mapped writable, and logged at once (PREFAULT-24).
  for (uint64_t page = 0; page < kSlotPages; ++page) scene.slot.memory().Word(Pages(page)) = 1;
  std::vector<bool> logged(kSlotPages);
  const auto harvest = [&] {
    for (const DirtyPage& page : scene.ring.Harvest()) logged.at(page.offset) = true;
    EXPECT_GE(scene.vm->ResetDirtyRings().ret, 0);
  };

  uint64_t done = 0;
  for (int calls = 0; done < kSlotPages && calls < 100; ++calls) {
    const PreFaultCall call =
        scene.cpu.vcpu().PreFault({kHome + Pages(done), Pages(kSlotPages - done)});
    ASSERT_TRUE(call.ok()) << call.Record().ToString();
    harvest();
    for (const uint64_t end = kSlotPages - call.after.size / kPage.count; done < end; ++done) {
      ASSERT_TRUE(logged[done]) << "page " << done << " was mapped and is not in the ring";
    }
  }
  EXPECT_EQ(done, kSlotPages);
}

// A VM with rings has no dirty log.
KCT_TEST(DirtyRings, TakeThePlaceOfTheLog, "DIRTY-12") {
  ASSERT_OK_AND_ASSIGN(RingScene scene, RingScene::Make(8));
  uint64_t bits = 0;

  EXPECT_THAT(scene.vm->GetDirtyLog(scene.slot.id(), &bits), FailsWith(ENXIO));
  EXPECT_THAT(scene.vm->ClearDirtyLog(scene.slot.id(), 0, 8, &bits), FailsWith(ENXIO));
}

// Rings have a size that is a power of two, neither too small nor too large, and are chosen once,
// before there is a vCPU. A VM without them has none to reset.
KCT_TEST(DirtyRings, AreChosenOnceBeforeTheFirstVcpu, "DIRTY-13") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  EXPECT_THAT(vm.ResetDirtyRings(), FailsWith(EINVAL));
  const auto choose = [&](uint64_t size) { return vm.EnableCap(KVM_CAP_DIRTY_LOG_RING, size); };
  EXPECT_THAT(choose(0), FailsWith(EINVAL));
  EXPECT_THAT(choose(RingSize() + 16), FailsWith(EINVAL));
  EXPECT_THAT(choose(kPage.count / 2), FailsWith(EINVAL));
  const int most = vm.CheckExtension(KVM_CAP_DIRTY_LOG_RING);
  EXPECT_THAT(choose(static_cast<uint64_t>(most) * 2), FailsWith(E2BIG));
  EXPECT_THAT(choose(RingSize()), Succeeds());
  EXPECT_THAT(choose(RingSize()), FailsWith(EINVAL)) << "the second time";

  ASSERT_OK_AND_ASSIGN(Scene late, Scene::Make());
  EXPECT_THAT(late.vm.EnableCap(KVM_CAP_DIRTY_LOG_RING, RingSize()), FailsWith(EINVAL));
}

}  // namespace
}  // namespace kct
