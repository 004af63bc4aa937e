// SPDX-License-Identifier: GPL-2.0-only
// What KVM_RUN answers before it gets to the guest.
#include "harness/abi/host_memory.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultRunArguments : public VmTest<> {};
class FaultRunUnstarted : public RaceTest<Need::kCpu, Need::kRoot> {};

constexpr uint32_t kPoisonedExitReason = 0xdead;

// Issues KVM_RUN as `call` does, and expects it to fail and to say nothing in kvm_run.
void ExpectNoReason(const Vcpu& vcpu, int error, const std::function<CallRecord()>& call) {
  vcpu.run().exit_reason = kPoisonedExitReason;
  EXPECT_THAT(call(), FailsWith(error));
  EXPECT_EQ(vcpu.run().exit_reason, kPoisonedExitReason) << Errno(error).Name();
}

// A KVM_RUN that is refused says so by its errno alone.
KCT_TEST(FaultRunArguments, ThatAreRefusedLeaveExitReason, "RUN-07") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  const Vcpu& vcpu = scene.cpu.vcpu();

  ExpectNoReason(vcpu, EINVAL, [&] { return IssueNumber(vcpu.fd(), KVM_RUN, 1); });
  ExpectNoReason(vcpu, EIO, [&] { return InChildProcess([&] { return vcpu.Run().Record(); }); });
  vcpu.run().immediate_exit = 1;
  ExpectNoReason(vcpu, EINTR, [&] { return vcpu.Run(); });
  vcpu.run().immediate_exit = 0;
  vcpu.run().kvm_valid_regs = uint64_t{1} << 31;  // older kernels look no further
  ExpectNoReason(vcpu, EINVAL, [&] { return vcpu.Run(); });
}

// KVM_RUN has no argument.
KCT_TEST(FaultRunArguments, MustBeZero, "RUN-28") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  EXPECT_THAT(IssueNumber(scene.cpu.vcpu().fd(), KVM_RUN, 1), FailsWith(EINVAL));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
}

// With immediate_exit the guest does nothing at all.
KCT_TEST(FaultRunArguments, ImmediateExitRunsNoInstruction, "RUN-28") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, kValue)));
  ASSERT_OK_AND_ASSIGN(const kvm_regs before, scene.cpu.vcpu().GetRegs());
  scene.cpu.vcpu().run().immediate_exit = 1;

  EXPECT_THAT(scene.cpu.Run().call, FailsWith(EINTR));

  ASSERT_OK_AND_ASSIGN(const kvm_regs after, scene.cpu.vcpu().GetRegs());
  EXPECT_EQ(after.rip, before.rip);
  EXPECT_EQ(scene.Word(), 0u);
  scene.cpu.vcpu().run().immediate_exit = 0;
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.Word(), kValue);
}

// A message that the local APIC of vCPU `cpu` takes for an INIT.
kvm_msi InitOf(uint32_t cpu) {
  constexpr uint32_t kApics = 0xfee0'0000, kInit = 5 << 8;
  return {.address_lo = kApics | cpu << 12, .data = kInit};
}

// A vCPU that nobody has started waits in KVM_RUN, and is woken with EAGAIN.
KCT_TEST(FaultRunUnstarted, SaysAgainWhenItIsWoken, "RUN-29") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.interrupts = Interrupts::kInKernel}));
  ASSERT_OK_AND_ASSIGN(GuestCpu unstarted, scene.machine.AddCpu());
  ASSERT_OK(PutApicOnTheMap(unstarted.vcpu()));
  RunBeside run(unstarted);
  run.Start();
  ASSERT_REACHED(run.actor().WaitBlockedIn("kvm_vcpu_block"), "the vCPU waits to be started");

  const kvm_msi init = InitOf(1);
  EXPECT_GT(IssueAt(scene.vm.fd(), KVM_SIGNAL_MSI, &init).ret, 0);

  EXPECT_THAT(run.Finish().call, FailsWith(EAGAIN));
}

// A signal ends that wait, as any other.
KCT_TEST(FaultRunUnstarted, IsInterrupted, "RUN-29") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.interrupts = Interrupts::kInKernel}));
  ASSERT_OK_AND_ASSIGN(GuestCpu unstarted, scene.machine.AddCpu());
  RunBeside run(unstarted);
  run.Start();
  ASSERT_REACHED(run.actor().WaitBlockedIn("kvm_vcpu_block"), "the vCPU waits to be started");

  run.actor().Interrupt();

  EXPECT_THAT(run.Finish(), IsInterrupted());
}

}  // namespace
}  // namespace kct
