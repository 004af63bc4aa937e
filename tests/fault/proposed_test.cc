// SPDX-License-Identifier: GPL-2.0-only
// Modes in which a missing page leaves for user space at once: none is merged. Released kernels
// refuse the flags; what they would do the tests ask the model, and kernels with the patches.
#include "harness/abi/proposed.h"
#include "harness/abi/userfaultfd.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultModes : public VmTest<> {};
class FaultModesRegion2 : public VmTest<Need::kRegion2> {};
class ExitOnMissing : public VmTest<Need::kExitOnMissing> {};
class KvmUserfault : public VmTest<Need::kKvmUserfault> {};

// KVM_RUN has failed with EFAULT, for a page of which it says this.
MATCHER_P2(IsFaultExit, gpa, flags, fmt::format("is a memory fault at {:#x}", gpa.value)) {
  return arg.kind == ExitKind::kMemoryFault && arg.call.error == Errno(EFAULT) &&
         arg.memory_fault.gpa == gpa && arg.memory_fault.flags == flags;
}

// No flag of a slot asks for it: those that mean something else are known, the others refused.
KCT_TEST(FaultModes, HaveNoFlag, "RUN-19", "MEMSLOT-20") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  for (uint32_t flag = 1; flag != 0; flag <<= 1) {
    if (flag == KVM_MEM_LOG_DIRTY_PAGES || flag == KVM_MEM_READONLY) continue;
    EXPECT_THAT(scene.slot.SetFlags(flag), FailsWith(EINVAL)) << "flag " << flag;
  }
}

// Nor does one that only the second ioctl could know.
KCT_TEST(FaultModesRegion2, HaveNoFlag, "RUN-19", "MEMSLOT-20") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  const kvm_userspace_memory_region& first = scene.slot.region();
  for (uint32_t flag = 1; flag != 0; flag <<= 1) {
    if (flag == KVM_MEM_LOG_DIRTY_PAGES || flag == KVM_MEM_READONLY) continue;
    if (flag == KVM_MEM_GUEST_MEMFD) continue;
    EXPECT_THAT(scene.vm.SetUserMemoryRegion2({.slot = first.slot,
                                               .flags = flag,
                                               .guest_phys_addr = first.guest_phys_addr,
                                               .memory_size = first.memory_size,
                                               .userspace_addr = first.userspace_addr}),
                FailsWith(EINVAL))
        << "flag " << flag;
  }
}

// A missing page is an exit at once, although a userfaultfd would have the vCPU wait for it. User
// space brings it, and the guest goes on.
KCT_TEST(ExitOnMissing, LeavesForUserSpace, "RUN-38") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(Mapping source, Mapping::Anonymous(kPage));
  source.Word({0}) = kValue;
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kWait));
  ASSERT_THAT(scene.slot.SetFlags(kMemExitOnMissing), Succeeds());
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome + kPage)));

  ASSERT_THAT(scene.cpu.Run(), IsFaultExit(kHome + kPage, 0u));

  ASSERT_THAT(uffd.Copy(scene.slot.hva() + kPage, source.hva(), kPage), Succeeds());
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, kValue);
}

// A slot with a bitmap of pages that leave for user space: one bit is set, that of page 1.
struct BitmapScene {
  GuestScene guest;
  std::unique_ptr<uint64_t> bitmap;

  static Result<BitmapScene> Make() {
    KCT_TRY(GuestScene guest, GuestScene::Make());
    auto bitmap = std::make_unique<uint64_t>(0b10);
    const kvm_userspace_memory_region& plain = guest.slot.region();
    kvm_userspace_memory_region2 region{.slot = plain.slot,
                                        .flags = kMemUserfault,
                                        .guest_phys_addr = plain.guest_phys_addr,
                                        .memory_size = plain.memory_size,
                                        .userspace_addr = plain.userspace_addr};
    region.pad2[kUserfaultBitmapInPad2] = HvaOf(bitmap.get()).value;
    const MemoryRegion2Call call = guest.vm.SetUserMemoryRegion2(region);
    if (!call.ok()) return MakeError("{}", call.Record().ToString());
    return BitmapScene{std::move(guest), std::move(bitmap)};
  }
};

// A page whose bit is set is an exit with a flag of its own, each time, until the bit is clear.
KCT_TEST(KvmUserfault, LeavesForUserSpaceUntilTheBitIsClear, "RUN-39") {
  ASSERT_OK_AND_ASSIGN(BitmapScene scene, BitmapScene::Make());
  GuestCpu& cpu = scene.guest.cpu;
  scene.guest.Word(1) = kValue;
  ASSERT_OK(cpu.Load(Program().Read64(kHome).Read64(kHome + kPage)));
  for (int again = 0; again < 2; ++again) {
    ASSERT_THAT(cpu.Run(), IsFaultExit(kHome + kPage, kMemoryExitFlagUserfault));
  }
  *scene.bitmap = 0;
  EXPECT_THAT(cpu.Run(), IsDone());
  EXPECT_EQ(cpu.result(1).value, kValue);
}

// What KVM reads for the guest leaves in the same way.
KCT_TEST(KvmUserfault, CoversEmulatedAccesses, "RUN-40") {
  ASSERT_OK_AND_ASSIGN(BitmapScene scene, BitmapScene::Make());
  GuestCpu& cpu = scene.guest.cpu;
  ASSERT_OK(cpu.Load(Program().OutString(1, kHome + kPage, {1})));
  ASSERT_THAT(cpu.Run(), IsFaultExit(kHome + kPage, kMemoryExitFlagUserfault));
  *scene.bitmap = 0;
  EXPECT_THAT(cpu.Run(), IsOut(1));
}

}  // namespace
}  // namespace kct
