// SPDX-License-Identifier: GPL-2.0-only
// Asynchronous page faults: a vCPU with its local APIC in the kernel, and interrupts on, does not
// wait for a page inside the host's page fault.
#include "harness/abi/userfaultfd.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultAsynchronous : public RaceTest<Need::kCpu, Need::kRoot> {};
class FaultAsynchronousFailure : public VmTest<Need::kCpu> {};

constexpr uint8_t kNmi = 2, kPageFault = 14;

// A message that the local APIC of the first vCPU takes for an NMI.
constexpr kvm_msi kNmiMessage{.address_lo = 0xfee0'0000, .data = 4 << 8};

// Interrupts may reach the guest, whose first slot's first page is missing.
struct AsynchronousScene {
  GuestScene scene;

  static Result<AsynchronousScene> Make(const Program& program) {
    KCT_TRY(GuestScene scene, GuestScene::Make({.interrupts = Interrupts::kInKernel}));
    KCT_TRY_STATUS(scene.cpu.Load(program));
    KCT_TRY_STATUS(AllowInterrupts(scene.cpu.vcpu()));
    KCT_TRY_STATUS(PutApicOnTheMap(scene.cpu.vcpu()));
    return AsynchronousScene{std::move(scene)};
  }
};

// The guest waits halted: an interrupt gets it out of its access.
KCT_TEST(FaultAsynchronous, AnInterruptReachesAGuestThatWaits, "RUN-16") {
  ASSERT_OK_AND_ASSIGN(AsynchronousScene made, AsynchronousScene::Make(Program().Read64(kHome)));
  GuestScene& scene = made.scene;
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(const Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kWait));
  run.Start();
  ASSERT_REACHED(run.actor().WaitBlockedIn("kvm_vcpu_block"), "the guest waits halted");

  ASSERT_GT(IssueAt(scene.vm.fd(), KVM_SIGNAL_MSI, &kNmiMessage).ret, 0);

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).status, guest::OpStatus::kFault);
  EXPECT_EQ(scene.cpu.result(0).vector, kNmi);
}

// Without a local APIC in the kernel it waits in the host's page fault.
KCT_TEST(FaultAsynchronous, AGuestThatCanTakeNoneWaitsInTheFault, "RUN-16") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kWait));
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome)));
  run.Start();

  ASSERT_REACHED(run.actor().WaitBlockedIn("handle_userfault"), "the guest waits in the fault");

  EXPECT_THAT(uffd.Zeros(scene.slot.hva(), kPage), Succeeds());
  EXPECT_THAT(run.Finish(), IsDone());
}

// A guest that is halted for its page holds up no change of slots.
KCT_TEST(FaultAsynchronous, AGuestThatIsHaltedHoldsUpNoUpdate, "RUN-43") {
  ASSERT_OK_AND_ASSIGN(AsynchronousScene made, AsynchronousScene::Make(Program().Read64(kHome)));
  GuestScene& scene = made.scene;
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kWait));
  run.Start();
  ASSERT_REACHED(run.actor().WaitBlockedIn("kvm_vcpu_block"), "the guest waits halted");

  EXPECT_TRUE(scene.vm.AddMemslot({.gpa = kAway, .size = kPage}).ok());
  EXPECT_FALSE(run.actor().Done());

  EXPECT_THAT(uffd.Zeros(scene.slot.hva(), kPage), Succeeds());
  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, 0u);
}

// MSRs of KVM by which a guest asks to be told.
struct OneMsr {
  __u32 count = 1, pad = 0;
  kvm_msr_entry entry;
};
Status WriteMsr(const Vcpu& vcpu, uint32_t index, uint64_t value) {
  constexpr unsigned long kSetMsrs = _IOW(KVMIO, 0x89, uint64_t);  // the head is 8 bytes
  const OneMsr msr{.entry = {.index = index, .reserved = 0, .data = value}};
  const auto call = IssueAt(vcpu.fd(), kSetMsrs, &msr);
  if (call.ret == 1) return {};
  return MakeError("KVM_SET_MSRS({:#x}={:#x}): {}", index, value, call.Record().ToString());
}

// A guest that has asked for it is told of the page by a page fault of its own, and goes on.
KCT_TEST(FaultAsynchronous, AGuestThatAskedForItGoesOn, "RUN-16") {
  constexpr uint32_t kEnableMsr = 0x4b56'4d02, kInterruptMsr = 0x4b56'4d06;
  constexpr uint64_t kEnabled = 1, kAlsoInKernel = 2, kReadyIsAnInterrupt = 8;
  ASSERT_OK_AND_ASSIGN(AsynchronousScene made,
                       AsynchronousScene::Make(Program().Read64(kHome).Write64(kHome + kPage, 7)));
  GuestScene& scene = made.scene;
  ASSERT_OK_AND_ASSIGN(Memslot words, scene.vm.AddMemslot({.gpa = kAway, .size = kPage}));
  ASSERT_OK(WriteMsr(scene.cpu.vcpu(), kInterruptMsr, 0xf3));
  ASSERT_OK(WriteMsr(scene.cpu.vcpu(), kEnableMsr,
                     kAway.value | kEnabled | kAlsoInKernel | kReadyIsAnInterrupt));
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(const Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kWait));
  run.Start();

  EXPECT_THAT(run.Finish(), IsDone());

  EXPECT_EQ(scene.cpu.result(0).status, guest::OpStatus::kFault);
  EXPECT_EQ(scene.cpu.result(0).vector, kPageFault);
  EXPECT_EQ(words.memory().At<uint32_t>({0}), 1u) << "the reason: page not present";
  EXPECT_EQ(scene.Word(1), 7u);
}

// What can't be had is EFAULT on a vCPU that could take an asynchronous fault as well: past the end
// of a file …
KCT_TEST(FaultAsynchronousFailure, PastTheEndOfAFileIsEfault, "RUN-41") {
  ASSERT_OK_AND_ASSIGN(AsynchronousScene made, AsynchronousScene::Make(Program().Read64(kAway)));
  ASSERT_OK_AND_ASSIGN(const SharedSlot shared, SharedSlot::Add(made.scene.vm, kPage, {0}));

  EXPECT_THAT(made.scene.cpu.Run(), IsBareFault());
}

// … and in a page that a userfaultfd refuses.
KCT_TEST(FaultAsynchronousFailure, ThatAUserfaultfdRefusesIsEfault, "RUN-41") {
  ASSERT_OK_AND_ASSIGN(AsynchronousScene made, AsynchronousScene::Make(Program().Read64(kHome)));
  ASSERT_OK_AND_ASSIGN(const Userfaultfd uffd,
                       Userfaultfd::Register(made.scene.slot.hva(), kPage, OnFault::kSigbus));

  EXPECT_THAT(made.scene.cpu.Run(), IsBareFault());
}

}  // namespace
}  // namespace kct
