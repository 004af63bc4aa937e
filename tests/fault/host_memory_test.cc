// SPDX-License-Identifier: GPL-2.0-only
// Accesses to slots whose host memory can't be used: what KVM_RUN answers, and how it goes on.
#include <sys/mman.h>

#include "harness/abi/host_memory.h"
#include "harness/abi/userfaultfd.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultCapability : public VmTest<> {};
class FaultHostMemory : public VmTest<> {};

// Every VM tells of its memory faults.
KCT_TEST(FaultCapability, IsThereForEveryVm, "RUN-01") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());

  EXPECT_EQ(vm.kvm().CheckExtension(KVM_CAP_MEMORY_FAULT_INFO), 1);
  EXPECT_EQ(vm.CheckExtension(KVM_CAP_MEMORY_FAULT_INFO), 1);
}

// Runs each of the programs until it fails as it should.
void ExpectBareFaults(GuestScene& scene, const std::vector<Program>& programs) {
  for (const Program& program : programs) {
    ASSERT_OK(scene.cpu.Load(program));
    EXPECT_THAT(scene.cpu.Run(), IsBareFault()) << program.ToString();
  }
}

std::vector<Program> EveryAccess() {
  return {Program().Read64(kHome), Program().Write64(kHome, 9), Program().Execute(kHome)};
}

// Where nothing is mapped any access is EFAULT, and nobody says where it was.
KCT_TEST(FaultHostMemory, WithoutAMappingIsEfaultAndNamesNoAddress, "RUN-04") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_TRUE(Unmap(scene.slot.hva(), scene.slot.size()).ok());

  ExpectBareFaults(scene, EveryAccess());
}

// So is any access to what the host may not touch itself.
KCT_TEST(FaultHostMemory, WithoutPermissionsIsEfault, "RUN-05") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_TRUE(Protect(scene.slot.hva(), scene.slot.size(), PROT_NONE).ok());

  ExpectBareFaults(scene, EveryAccess());
}

// Of what the host may only read the guest reads and executes, and can't write.
KCT_TEST(FaultHostMemory, ThatMayOnlyBeReadCanNotBeWritten, "RUN-05") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  scene.Word() = guest::FunctionReturning(7);
  ASSERT_TRUE(Protect(scene.slot.hva(), scene.slot.size(), PROT_READ).ok());

  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Execute(kHome).Write64(kHome, 9)));
  EXPECT_THAT(scene.cpu.Run(), IsBareFault());

  EXPECT_EQ(scene.cpu.result(0).value, guest::FunctionReturning(7));
  EXPECT_EQ(scene.cpu.result(1).value, 7u);
  EXPECT_EQ(scene.Word(), guest::FunctionReturning(7));
}

// Past the end of a mapped file there is nothing.
KCT_TEST(FaultHostMemory, PastTheEndOfItsFileIsEfault, "RUN-05") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(const SharedSlot shared, SharedSlot::Add(scene.vm, Pages(2), kPage));

  ExpectBareFaults(scene, {Program().Read64(kAway + kPage), Program().Write64(kAway + kPage, 9)});
}

// A userfaultfd that answers with SIGBUS, or serves user mode only, is not waited for.
KCT_TEST(FaultHostMemory, ThatAUserfaultfdRefusesIsEfault, "RUN-05") {
  for (const OnFault refusal : {OnFault::kSigbus, OnFault::kUserOnly}) {
    ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
    ASSERT_OK_AND_ASSIGN(const Userfaultfd uffd,
                         Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), refusal));
    ExpectBareFaults(scene, EveryAccess());
  }
}

// An access that failed has not happened: once there is memory the next KVM_RUN makes it.
KCT_TEST(FaultHostMemory, CanBeRepairedAndTheAccessIsMade, "RUN-06") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Write64(kHome + kPage, kValue)));
  ASSERT_TRUE(Unmap(scene.slot.hva(), kPage).ok());
  ASSERT_TRUE(Protect(scene.slot.hva() + kPage, kPage, PROT_READ).ok());
  ASSERT_THAT(scene.cpu.Run(), IsBareFault());
  ASSERT_OK_AND_ASSIGN(const kvm_regs before, scene.cpu.vcpu().GetRegs());
  ASSERT_THAT(scene.cpu.Run(), IsBareFault());
  ASSERT_OK_AND_ASSIGN(const kvm_regs again, scene.cpu.vcpu().GetRegs());
  EXPECT_EQ(again.rip, before.rip);

  ASSERT_TRUE(MapZeros(scene.slot.hva(), kPage).ok());
  HostWord{scene.slot.hva()} = kValue;
  ASSERT_THAT(scene.cpu.Run(), IsBareFault()) << "of the write";
  EXPECT_EQ(scene.cpu.result(0).value, kValue);

  ASSERT_TRUE(Protect(scene.slot.hva() + kPage, kPage, PROT_READ | PROT_WRITE).ok());
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.Word(1), kValue);
}

// The same with a page that a userfaultfd has refused and then supplies.
KCT_TEST(FaultHostMemory, CanBeSuppliedAndTheAccessIsMade, "RUN-06") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(Mapping source, Mapping::Anonymous(kPage));
  source.Word({0}) = kValue;
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kUserOnly));
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome)));
  ASSERT_THAT(scene.cpu.Run(), IsBareFault());

  ASSERT_THAT(uffd.Copy(scene.slot.hva(), source.hva(), kPage), Succeeds());

  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, kValue);
}

}  // namespace
}  // namespace kct
