// SPDX-License-Identifier: GPL-2.0-only
// Modes in which a missing page leaves for user space at once: none is merged.
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultModes : public VmTest<> {};
class FaultModesRegion2 : public VmTest<Need::kRegion2> {};

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

}  // namespace
}  // namespace kct
