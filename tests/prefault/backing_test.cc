// SPDX-License-Identifier: GPL-2.0-only
// What prefault does with the host memory behind the range: anonymous, protected, missing,
// userfaultfd, poisoned, guest_memfd.
#include <signal.h>
#include <sys/mman.h>

#include "harness/abi/host_memory.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"
#include "harness/testing/sigbus.h"

namespace kct {
namespace {

class PrefaultBacking : public VmTest<Need::kTdp, Need::kPrefault> {};
class PrefaultBackingAsRoot : public VmTest<Need::kTdp, Need::kPrefault, Need::kFrames> {};

constexpr uint32_t kPoisonedExitReason = 0xdead;

// Prefault reads: untouched memory becomes the zero page, the same frame for every page.
KCT_TEST(PrefaultBackingAsRoot, MapsTheSharedZeroPage, "PREFAULT-22") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 2}));
  ASSERT_EQ(ResidenceOf(scene.HvaOfPage(0)), Residence::kAbsent);

  ASSERT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());

  EXPECT_EQ(ResidenceOf(scene.HvaOfPage(0)), Residence::kResident);
  EXPECT_NE(FrameOf(scene.HvaOfPage(0)), 0u);
  EXPECT_EQ(FrameOf(scene.HvaOfPage(0)), FrameOf(scene.HvaOfPage(1)));
}

// Pages that nobody has written are not dirty because they were prefaulted.
KCT_TEST(PrefaultBacking, DoesNotDirtyUntouchedPages, "PREFAULT-24") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 64, .flags = KVM_MEM_LOG_DIRTY_PAGES}));
  ASSERT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());

  uint64_t dirty = 0;
  ASSERT_THAT(scene.vm.GetDirtyLog(scene.slot.id(), &dirty), Succeeds());

  EXPECT_EQ(dirty, 0u) << "bits of the dirty log";
}

// A read-only slot is not in the way of a read.
KCT_TEST(PrefaultBacking, AcceptsReadOnlySlots, "PREFAULT-25") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.flags = KVM_MEM_READONLY}));
  EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());
}

// Nor is host memory that may only be read.
KCT_TEST(PrefaultBacking, AcceptsReadOnlyHostMemory, "PREFAULT-26") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_TRUE(Protect(scene.slot.hva(), scene.slot.size(), PROT_READ).ok());
  EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());
}

// Host memory that can't be used is an EFAULT and nothing more: kvm_run is not touched.
KCT_TEST(PrefaultBacking, FailsBarelyWithoutAMapping, "PREFAULT-27", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 2}));
  scene.vcpu.run().exit_reason = kPoisonedExitReason;
  ASSERT_TRUE(Unmap(scene.HvaOfPage(0), kPage).ok());
  ASSERT_TRUE(Protect(scene.HvaOfPage(1), kPage, PROT_NONE).ok());

  EXPECT_THAT(scene.vcpu.PreFault(scene.PageOf(0)), FailsWith(EFAULT));
  EXPECT_THAT(scene.vcpu.PreFault(scene.PageOf(1)), FailsWith(EFAULT));
  EXPECT_EQ(scene.vcpu.run().exit_reason, kPoisonedExitReason);
}

// A userfaultfd that answers with SIGBUS instead of waiting is unusable memory.
KCT_TEST(PrefaultBacking, FailsOnUserfaultfdWithSigbus, "PREFAULT-28", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(
      const Userfaultfd uffd,
      Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kSigbus));
  EXPECT_THAT(scene.vcpu.PreFault(scene.PageOf(0)), FailsWith(EFAULT));
}

// So is one that only serves faults of user mode: KVM's are the kernel's.
KCT_TEST(PrefaultBacking, FailsOnUserfaultfdForUserModeOnly, "PREFAULT-28", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(
      const Userfaultfd uffd,
      Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kUserOnly));
  EXPECT_THAT(scene.vcpu.PreFault(scene.PageOf(0)), FailsWith(EFAULT));
}

// A page that a userfaultfd has to supply is waited for, inside the call.
KCT_TEST(PrefaultBacking, WaitsForUserfaultfd, "PREFAULT-29", "PREFAULT-49") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(0)));
  Actor prefault("prefault");
  prefault.Start([&] { return scene.vcpu.PreFault(scene.PageOf(0)); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault asks the userfaultfd for the page");
  EXPECT_FALSE(prefault.Done());

  ASSERT_OK(anchor.Release());

  EXPECT_THAT(prefault.Finish(), Completes());
}

// A signal ends that wait, and leaves its mark in kvm_run although this is not KVM_RUN.
KCT_TEST(PrefaultBacking, IsInterruptedInUserfaultfd, "PREFAULT-29", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(0)));
  scene.vcpu.run().exit_reason = kPoisonedExitReason;
  Actor prefault("prefault");
  prefault.Start([&] { return scene.vcpu.PreFault(scene.slot.range()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault asks the userfaultfd for the page");

  prefault.Interrupt();

  EXPECT_THAT(prefault.Finish(), FailsWith(EINTR));
  EXPECT_EQ(scene.vcpu.run().exit_reason, static_cast<uint32_t>(KVM_EXIT_INTR));
}

// After progress the same signal costs no answer: 0, and what is left.
KCT_TEST(PrefaultBacking, IsInterruptedAfterProgress, "PREFAULT-30", "PREFAULT-18", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 4}));
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.HvaOfPage(3)));
  Actor prefault("prefault");
  prefault.Start([&] { return scene.vcpu.PreFault(scene.slot.range()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault asks the userfaultfd for the last page");

  prefault.Interrupt();

  EXPECT_THAT(prefault.Finish(), Leaves(kPage));
}

// A signal that is blocked, and the flag that stops KVM_RUN, mean nothing to prefault.
KCT_TEST(PrefaultBacking, IgnoresBlockedSignalsAndImmediateExit, "PREFAULT-30") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  raise(SIGUSR2);
  scene.vcpu.run().immediate_exit = 1;

  const PreFaultCall call = scene.vcpu.PreFault(scene.slot.range());

  const timespec now = {};
  sigtimedwait(&blocked, nullptr, &now);  // take the signal before it is unblocked
  pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  EXPECT_THAT(call, Completes());
}

// A poisoned page is announced as a hardware error is: SIGBUS with the host address, and EINTR.
KCT_TEST(PrefaultBacking, ReportsPoisonAsSigbus, "PREFAULT-31", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kWait));
  ASSERT_THAT(uffd.Poison(scene.slot.hva(), kPage), Succeeds());
  const SigbusCatcher catcher;

  EXPECT_THAT(scene.vcpu.PreFault(scene.PageOf(0)), FailsWith(EINTR));

  EXPECT_EQ(catcher.code(), BUS_MCEERR_AR);
  EXPECT_EQ(catcher.address(), scene.slot.hva());
}

// A caller that blocks SIGBUS gets an answer too, instead of a call that tries for ever.
KCT_TEST(PrefaultBacking, AnswersPoisonToACallerThatBlocksSigbus, "PREFAULT-54") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kWait));
  ASSERT_THAT(uffd.Poison(scene.slot.hva(), kPage), Succeeds());
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGBUS);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);

  EXPECT_FALSE(scene.vcpu.PreFault(scene.PageOf(0)).ok());
}

}  // namespace
}  // namespace kct
