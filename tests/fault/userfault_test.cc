// SPDX-License-Identifier: GPL-2.0-only
// A guest whose pages a userfaultfd has to supply, and who waits with it.
#include "harness/abi/userfaultfd.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultUserfault : public RaceTest<> {};
class FaultUserfaultPrefault : public RaceTest<Need::kTdp, Need::kPrefault> {};
class FaultUserfaultUpdate : public RaceTest<Need::kRoot> {};

constexpr Duration kPatience = 5s;

std::optional<PageFault> NextFault(Userfaultfd& uffd) {
  return uffd.NextFault(Clock::now() + kPatience);
}

// The guest reads a page that is missing; `supply` brings it. It goes on in the same KVM_RUN, with
// what was brought.
void ExpectResolvedBy(const std::function<CallRecord(Userfaultfd&, Hva page, Hva source)>& supply,
                      uint64_t seen) {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(Mapping source, Mapping::Anonymous(kPage));
  source.Word({0}) = kValue;
  const Hva page = scene.slot.hva() + kPage;
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kWait));
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome + kPage)));
  run.Start();

  ASSERT_EQ(NextFault(uffd), (PageFault{page, FaultKind::kMissing}));
  EXPECT_FALSE(run.actor().Done());
  ASSERT_THAT(supply(uffd, page, source.hva()), Succeeds());

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, seen);
}

// A missing page is asked for by its host address, and may be copied from elsewhere …
KCT_TEST(FaultUserfault, ACopyResolvesIt, "RUN-15") {
  ExpectResolvedBy(
      [](Userfaultfd& uffd, Hva page, Hva source) { return uffd.Copy(page, source, kPage); },
      kValue);
}

// … or be zeros …
KCT_TEST(FaultUserfault, ZerosResolveIt, "RUN-15") {
  ExpectResolvedBy([](Userfaultfd& uffd, Hva page, Hva) { return uffd.Zeros(page, kPage); }, 0);
}

// … or be moved there.
KCT_TEST(FaultUserfault, AMoveResolvesIt, "RUN-15") {
  ExpectResolvedBy(
      [](Userfaultfd& uffd, Hva page, Hva source) { return uffd.Move(page, source, kPage); },
      kValue);
}

// A page that the file has, and this mapping does not, waits until it is continued.
KCT_TEST(FaultUserfault, AMinorFaultIsContinued, "RUN-15") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(const SharedSlot shared, SharedSlot::Add(scene.vm, kPage, kPage));
  shared.host.Word({0}) = kValue;
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd, Userfaultfd::Register(shared.slot.hva(), kPage,
                                                               OnFault::kWait, FaultKind::kMinor));
  ASSERT_OK(scene.cpu.Load(Program().Read64(kAway).Write64(kAway, 9)));
  run.Start();

  ASSERT_EQ(NextFault(uffd), (PageFault{shared.slot.hva(), FaultKind::kMinor}));
  EXPECT_FALSE(run.actor().Done());
  ASSERT_THAT(uffd.Continue(shared.slot.hva(), kPage), Succeeds());

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, kValue);
  EXPECT_EQ(shared.host.Word({0}), 9u);
}

// A page that is protected under a guest that has mapped it for writing is read as before; a write
// waits until the protection is lifted.
KCT_TEST(FaultUserfault, AWriteToAProtectedPageWaits, "RUN-44") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kWait,
                                             FaultKind::kProtected));
  ASSERT_OK(scene.cpu.Load(
      Program().Write64(kHome, kValue).Out(1, 0).Read64(kHome).Write64(kHome, 9).Read64(kHome)));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));
  ASSERT_THAT(uffd.Protect(scene.slot.hva(), kPage), Succeeds());
  run.Start();

  ASSERT_EQ(NextFault(uffd), (PageFault{scene.slot.hva(), FaultKind::kProtected}));
  EXPECT_FALSE(run.actor().Done());
  EXPECT_EQ(scene.Word(), kValue) << "the write has not happened yet";
  ASSERT_THAT(uffd.Unprotect(scene.slot.hva(), kPage), Succeeds());

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(scene.cpu.result(2).value, kValue);
  EXPECT_EQ(scene.cpu.result(4).value, 9u);
  EXPECT_EQ(scene.Word(), 9u);
}

// A signal ends the wait; the next KVM_RUN asks for the same page again, and has lost nothing.
KCT_TEST(FaultUserfault, ASignalEndsTheWait, "RUN-14") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kWait));
  ASSERT_OK(scene.cpu.Load(Program().AtomicAdd(kHome, 5).Read64(kHome)));
  run.Start();
  ASSERT_REACHED(NextFault(uffd).has_value(), "the guest waits for its page");

  run.actor().Interrupt();
  EXPECT_THAT(run.Finish(), IsInterrupted());

  run.Start();
  ASSERT_EQ(NextFault(uffd), (PageFault{scene.slot.hva(), FaultKind::kMissing}));
  ASSERT_THAT(uffd.Zeros(scene.slot.hva(), kPage), Succeeds());
  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(scene.cpu.result(1).value, 5u);
}

// While one vCPU waits another one takes a fault of its own, leaves for user space and comes to
// its end.
KCT_TEST(FaultUserfault, HoldsUpNoOtherVcpu, "RUN-37") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(GuestCpu other, scene.machine.AddCpu());
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kWait));
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome)));
  ASSERT_OK(other.Load(Program().Write64(kHome + kPage, 7).Read64(kAway)));
  run.Start();
  ASSERT_REACHED(NextFault(uffd).has_value(), "the guest waits for its page");

  EXPECT_THAT(other.Run(), IsMmioRead(kAway));
  EXPECT_THAT(other.Run(), IsDone());
  EXPECT_FALSE(run.actor().Done());
  ReportAnchoredMeeting("a vCPU came to its end while another one waited for a page");

  EXPECT_EQ(scene.Word(1), 7u);
  ASSERT_THAT(uffd.Zeros(scene.slot.hva(), kPage), Succeeds());
  EXPECT_THAT(run.Finish(), IsDone());
}

// All vCPUs that wait for a page go on when it comes.
KCT_TEST(FaultUserfault, OneCopyLetsAllVcpusGoOn, "RUN-15") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(GuestCpu other, scene.machine.AddCpu());
  ASSERT_OK_AND_ASSIGN(Mapping source, Mapping::Anonymous(kPage));
  source.Word({0}) = kValue;
  RunBeside run(scene.cpu), other_run(other);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kWait));
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome)));
  ASSERT_OK(other.Load(Program().Read64(kHome)));
  run.Start();
  other_run.Start();
  const PageFault missing{scene.slot.hva(), FaultKind::kMissing};
  ASSERT_EQ(NextFault(uffd), missing);
  ASSERT_EQ(NextFault(uffd), missing);

  ASSERT_THAT(uffd.Copy(scene.slot.hva(), source.hva(), kPage), Succeeds());
  ReportAnchoredMeeting("a page came for which two vCPUs waited");

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_THAT(other_run.Finish(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, kValue);
  EXPECT_EQ(other.result(0).value, kValue);
}

// A prefault waits for a minor fault as for a missing page.
KCT_TEST(FaultUserfaultPrefault, WaitsForAMinorFault, "PREFAULT-29", "PREFAULT-49") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(const SharedSlot shared, SharedSlot::Add(scene.vm, kPage, kPage));
  shared.host.Word({0}) = kValue;  // the file has the page
  Actor prefault("prefault");
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd, Userfaultfd::Register(shared.slot.hva(), kPage,
                                                               OnFault::kWait, FaultKind::kMinor));
  prefault.Start([&] { return scene.cpu.vcpu().PreFault(shared.slot.range()); });

  ASSERT_EQ(NextFault(uffd), (PageFault{shared.slot.hva(), FaultKind::kMinor}));
  EXPECT_FALSE(prefault.Done());
  ASSERT_THAT(uffd.Continue(shared.slot.hva(), kPage), Succeeds());

  EXPECT_THAT(prefault.Finish(), Completes());
}

// A prefault reads: a page that is protected from writes is there.
KCT_TEST(FaultUserfaultPrefault, DoesNotWaitForAProtectedPage, "PREFAULT-26") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  scene.Word() = kValue;
  ASSERT_OK_AND_ASSIGN(
      Userfaultfd uffd,
      Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kWait, FaultKind::kProtected));
  ASSERT_THAT(uffd.Protect(scene.slot.hva(), kPage), Succeeds());

  EXPECT_THAT(scene.cpu.vcpu().PreFault({kHome, kPage}), Completes());
}

// The guest waits for a page in KVM_RUN, and a slot is on its way that nobody waits for.
void ExpectCreationToWaitUntil(
    const std::function<void(Userfaultfd&, const Actor& run, Hva page)>& let_go,
    testing::Matcher<GuestExit> end) {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(kPage));
  const kvm_userspace_memory_region region{.slot = 40,
                                           .flags = 0,
                                           .guest_phys_addr = kAway.value,
                                           .memory_size = kPage.count,
                                           .userspace_addr = memory.hva().value};
  RunBeside run(scene.cpu);
  Actor create("create");
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kWait));
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome)));
  run.Start();
  ASSERT_REACHED(NextFault(uffd).has_value(), "the guest waits for its page");

  create.Start([&] { return scene.vm.SetUserMemoryRegion(region); });
  const bool waits = create.WaitBlockedIn("synchronize_srcu");
  ASSERT_FALSE(create.Done()) << "the creation did not wait for the vCPU";
  ASSERT_REACHED(waits, "the creation waits for the vCPU");
  ReportAnchoredMeeting("a slot was created while a vCPU waited for a page of another slot");
  let_go(uffd, run.actor(), scene.slot.hva());

  EXPECT_THAT(run.Finish(), end);
  EXPECT_THAT(create.Finish(), Succeeds());
}

// A new slot waits for a vCPU that waits for a page, until the page comes …
KCT_TEST(FaultUserfaultUpdate, WaitsUntilThePageComes, "RUN-43") {
  ExpectCreationToWaitUntil([](Userfaultfd& uffd, const Actor&,
                               Hva page) { EXPECT_THAT(uffd.Zeros(page, kPage), Succeeds()); },
                            IsDone());
}

// … or a signal.
KCT_TEST(FaultUserfaultUpdate, WaitsUntilASignalComes, "RUN-43") {
  ExpectCreationToWaitUntil([](Userfaultfd&, const Actor& run, Hva) { run.Interrupt(); },
                            IsInterrupted());
}

}  // namespace
}  // namespace kct
