// SPDX-License-Identifier: GPL-2.0-only
// What the guest sees of prefaulted memory, and prefault beside a running guest.
#include <sys/mman.h>

#include "harness/abi/host_memory.h"
#include "harness/base/patience.h"
#include "harness/guest/exit_anchor.h"
#include "harness/guest/machine.h"
#include "harness/race/actor.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"

namespace kct {
namespace {

constexpr Gpa kGpa = Scene::kGpa;
constexpr uint64_t kValue = 0x1122'3344'5566'7788;

// A VM with a guest program's vCPU and one slot of untouched memory at kGpa.
struct GuestScene {
  std::unique_ptr<Vm> vm;
  GuestMachine machine;
  GuestCpu cpu;
  Memslot slot;

  static Result<GuestScene> Make(uint32_t flags = 0) {
    KCT_TRY(Vm created, Vm::Create());
    auto vm = std::make_unique<Vm>(std::move(created));
    KCT_TRY(GuestMachine machine, GuestMachine::Create(*vm));
    KCT_TRY(GuestCpu cpu, machine.AddCpu());
    KCT_TRY(Memslot slot, vm->AddMemslot({.gpa = kGpa, .size = Pages(2), .flags = flags}));
    return GuestScene{std::move(vm), std::move(machine), std::move(cpu), std::move(slot)};
  }
};

class GuestAfterPrefault : public VmTest<Need::kTdp, Need::kPrefault> {};
class PrefaultBesideGuest : public RaceTest<Need::kTdp, Need::kPrefault, Need::kRoot> {};

// A prefault that found no slot may leave an MMIO entry; a slot made there later is memory at once.
KCT_TEST(GuestAfterPrefault, SeesASlotThatCameLater, "PREFAULT-15") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  const Gpa hole = kGpa + 2_MiB;
  ASSERT_THAT(scene.cpu.vcpu().PreFault({hole, kPage}), FailsWith(ENOENT));
  ASSERT_OK_AND_ASSIGN(Memslot late, scene.vm->AddMemslot({.gpa = hole, .size = kPage}));
  late.memory().Word({0}) = kValue;

  ASSERT_OK(scene.cpu.Load(Program().Read64(hole)));
  const GuestExit guest_exit = scene.cpu.RunUntilDone();

  ASSERT_TRUE(guest_exit.done()) << guest_exit.ToString();
  EXPECT_EQ(scene.cpu.result(0).value, kValue);
}

// A write to a prefaulted page gets a page of its own: the neighbour keeps its zeros.
KCT_TEST(GuestAfterPrefault, WritesToAPageOfItsOwn, "PREFAULT-22") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_THAT(scene.cpu.vcpu().PreFault(scene.slot.range()), Completes());

  ASSERT_OK(scene.cpu.Load(Program().Write64(kGpa, kValue).Read64(kGpa).Read64(kGpa + kPage)));
  const GuestExit guest_exit = scene.cpu.RunUntilDone();

  ASSERT_TRUE(guest_exit.done()) << guest_exit.ToString();
  EXPECT_EQ(scene.cpu.result(1).value, kValue);
  EXPECT_EQ(scene.cpu.result(2).value, 0u);
  EXPECT_EQ(scene.slot.memory().Word({0}), kValue) << "the host sees the guest's write";
}

// Prefaulting a read-only slot does not make it writable.
KCT_TEST(GuestAfterPrefault, CannotWriteAReadOnlySlot, "PREFAULT-25") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make(KVM_MEM_READONLY));
  ASSERT_THAT(scene.cpu.vcpu().PreFault(scene.slot.range()), Completes());

  ASSERT_OK(scene.cpu.Load(Program().Write64(kGpa, kValue)));
  const GuestExit guest_exit = scene.cpu.Run();

  ASSERT_EQ(guest_exit.kind, ExitKind::kMmio) << guest_exit.ToString();
  EXPECT_EQ(guest_exit.mmio.direction, Direction::kWrite);
  EXPECT_EQ(guest_exit.mmio.gpa, kGpa);
  EXPECT_EQ(scene.slot.memory().Word({0}), 0u);
}

// Nor does prefaulting memory that the host may only read: the guest's write fails then.
KCT_TEST(GuestAfterPrefault, CannotWriteReadOnlyHostMemory, "PREFAULT-26") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_TRUE(Protect(scene.slot.hva(), scene.slot.size(), PROT_READ).ok());
  ASSERT_THAT(scene.cpu.vcpu().PreFault(scene.slot.range()), Completes());

  ASSERT_OK(scene.cpu.Load(Program().Read64(kGpa).Write64(kGpa, kValue)));
  const GuestExit guest_exit = scene.cpu.Run();

  EXPECT_THAT(guest_exit.call, FailsWith(EFAULT)) << guest_exit.ToString();
  EXPECT_EQ(scene.slot.memory().Word({0}), 0u);
}

// A page that is mapped already is still logged when it is written.
KCT_TEST(GuestAfterPrefault, DirtiesWhatItWrites, "PREFAULT-53", "DIRTY-01") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make(KVM_MEM_LOG_DIRTY_PAGES));
  ASSERT_THAT(scene.cpu.vcpu().PreFault(scene.slot.range()), Completes());

  ASSERT_OK(scene.cpu.Load(Program().Read64(kGpa).Write64(kGpa + kPage, kValue)));
  ASSERT_TRUE(scene.cpu.RunUntilDone().done());
  uint64_t dirty = 0;
  ASSERT_THAT(scene.vm->GetDirtyLog(scene.slot.id(), &dirty), Succeeds());

  EXPECT_EQ(dirty, 0b10u) << "bits of the dirty log; the guest wrote the second page only";
}

// A vCPU that waits for the answer to a load may be used for a prefault meanwhile: the exit stays
// what it was, and the load gets its answer.
KCT_TEST(GuestAfterPrefault, HasItsUnfinishedLoadStill, "PREFAULT-48") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Read64(kGpa + 2_MiB).Read64(kGpa)));
  ASSERT_OK_AND_ASSIGN(ExitAnchor parked, ExitAnchor::At(scene.cpu));
  ASSERT_EQ(parked.guest_exit().mmio.gpa, kGpa + 2_MiB) << parked.guest_exit().ToString();

  EXPECT_THAT(scene.cpu.vcpu().PreFault(scene.slot.range()), Completes());

  EXPECT_TRUE(parked.Holds());
  const GuestExit guest_exit = parked.Release(kValue);
  EXPECT_TRUE(guest_exit.done()) << guest_exit.ToString();
  EXPECT_EQ(scene.cpu.result(0).value, kValue);
}

// A vCPU does one thing at a time: while it runs, a prefault on it waits, and then happens.
KCT_TEST(PrefaultBesideGuest, WaitsForKvmRunOfItsVcpu, "PREFAULT-44") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().SpinUntilFlag()));
  Actor run("run"), prefault("prefault");
  run.Start([&] { return scene.cpu.Run().call.Record(); });
  ASSERT_REACHED(scene.cpu.WaitUntilProgress(GiveUpAfter(Actor::kPatience)),
                 "the guest runs in its loop");
  prefault.Start([&] { return scene.cpu.vcpu().PreFault(scene.slot.range()); });
  // The lock itself does not show: the kernel leaves the scheduler's functions out of stacks.
  ASSERT_REACHED(prefault.WaitBlockedIn("kvm_vcpu_ioctl"), "the prefault waits for the vCPU");
  ReportAnchoredMeeting("a prefault began while its vCPU was in the guest");

  scene.cpu.RaiseFlag();

  const CallRecord ran = run.Finish();
  const CallRecord prefaulted = prefault.Finish();
  EXPECT_THAT(ran, Succeeds());
  EXPECT_THAT(prefaulted, Completes());
  EXPECT_TRUE(ran.Overlaps(prefaulted));
}

}  // namespace
}  // namespace kct
