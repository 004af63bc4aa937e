// SPDX-License-Identifier: GPL-2.0-only
// Faults where KVM itself walks the guest's page tables and keeps copies of them.
#include "guest/abi.h"
#include "harness/abi/host_memory.h"
#include "harness/guest/entry_state.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultShadow : public VmTest<Need::kShadow, Need::kCpu> {};

constexpr uint8_t kPageFault = 14;

// The interpreter's page tables: the root, and the directory that translates kHome.
constexpr uint64_t kRoot = 0x2000, kDirectoryOfHome = 0x5000;

// A page of the guest's page tables that the host does not have is a page fault of the guest; user
// space hears nothing.
KCT_TEST(FaultShadow, OfATableThatIsNotThereIsTheGuests, "RUN-12") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  const Memslot& tables = scene.machine.slot();
  ASSERT_NE(HostWord(tables.hva() + Bytes{kDirectoryOfHome}), 0u);
  ASSERT_TRUE(Unmap(tables.hva() + Bytes{kDirectoryOfHome}, kPage).ok());

  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome)));
  EXPECT_THAT(scene.cpu.Run(), IsDone());

  EXPECT_EQ(scene.cpu.result(0).status, guest::OpStatus::kFault);
  EXPECT_EQ(scene.cpu.result(0).vector, kPageFault);
  EXPECT_EQ(scene.cpu.result(0).cr2, kHome.value);
}

// A vCPU that goes through four roots, each a copy of the interpreter's in a page of its own, and
// then leaves. KVM keeps a shadow page of each.
constexpr int kRootsOfAVcpu = 4;
Result<Vcpu> AddVcpuWithRoots(GuestScene& scene, uint64_t first_root) {
  KCT_TRY(Vcpu vcpu, scene.vm.AddVcpu());
  KCT_TRY(const kvm_sregs sregs, vcpu.GetSregs());
  KCT_TRY_STATUS(vcpu.SetSregs(LongModeSregs(sregs, 0)));
  const auto root = [&](uint64_t number) { return (kHome + Pages(first_root + number)).value; };
  kvm_regs regs = EntryRegs(0);
  regs.rip = kHome.value;
  regs.rax = root(0);
  regs.rbx = root(1);
  regs.rcx = root(2);
  regs.rdx = root(3);
  KCT_TRY_STATUS(vcpu.SetRegs(regs));
  return vcpu;
}

// Shadow pages that are in use can't be had for others: KVM_RUN says so, and goes on once there may
// be more.
KCT_TEST(FaultShadow, WithoutAFreePageIsEnospc, "RUN-32") {
  constexpr int kVcpus = 17;
  constexpr unsigned long kLeastLimit = 64;
  constexpr uint64_t kCode = 0x220f'db22'0fd8'220f, kRestOfCode = 0x01e6'da22'0fd9;
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 1 + kVcpus * kRootsOfAVcpu}));
  scene.slot.memory().Word({0}) = kCode;  // mov cr3 from rax, rbx, rcx and rdx; out 1, al
  scene.slot.memory().Word({8}) = kRestOfCode;
  for (uint64_t page = 1; page <= kVcpus * kRootsOfAVcpu; ++page) {
    scene.Word(page) = HostWord(scene.machine.slot().hva() + Bytes{kRoot});
  }
  ASSERT_THAT(IssueNumber(scene.vm.fd(), KVM_SET_NR_MMU_PAGES, kLeastLimit), Succeeds());

  std::vector<Vcpu> vcpus;  // all live on: their roots are in use
  RunCall last;
  for (int i = 0; i < kVcpus && (i == 0 || last.ok()); ++i) {
    ASSERT_OK_AND_ASSIGN(Vcpu vcpu,
                         AddVcpuWithRoots(scene, 1 + static_cast<uint64_t>(i) * kRootsOfAVcpu));
    last = vcpu.Run();
    vcpus.push_back(std::move(vcpu));
  }
  EXPECT_THAT(last, FailsWith(ENOSPC));

  ASSERT_THAT(IssueNumber(scene.vm.fd(), KVM_SET_NR_MMU_PAGES, 4 * kLeastLimit), Succeeds());
  EXPECT_THAT(vcpus.back().Run(), Succeeds());
}

}  // namespace
}  // namespace kct
