// SPDX-License-Identifier: GPL-2.0-only
// Slots as arguments, and a look at the layout through the ioctl itself, for the tests of this
// suite.
#pragma once

#include "harness/testing/guest_scene.h"

namespace kct {

// `memory` as a slot at `gpa`.
inline kvm_userspace_memory_region RegionOf(const Mapping& memory, Gpa gpa, uint32_t slot = 1) {
  return {.slot = slot,
          .flags = 0,
          .guest_phys_addr = gpa.value,
          .memory_size = memory.size().count,
          .userspace_addr = memory.hva().value};
}

// The same slot as KVM_SET_USER_MEMORY_REGION2 takes it.
inline kvm_userspace_memory_region2 Region2Of(const kvm_userspace_memory_region& region) {
  return {.slot = region.slot,
          .flags = region.flags,
          .guest_phys_addr = region.guest_phys_addr,
          .memory_size = region.memory_size,
          .userspace_addr = region.userspace_addr};
}

// Tries to create a slot of one page at `gpa`; one that came about is deleted again. EEXIST says
// that some slot is there, success that none is (MEMSLOT-07).
inline MemoryRegionCall TryPageAt(const Vm& vm, Gpa gpa) {
  alignas(kPage.count) static char page[kPage.count];
  kvm_userspace_memory_region region{.slot = 9999,
                                     .flags = 0,
                                     .guest_phys_addr = gpa.value,
                                     .memory_size = kPage.count,
                                     .userspace_addr = HvaOf(page).value};
  const MemoryRegionCall call = vm.SetUserMemoryRegion(region);
  if (call.ok()) {
    region.memory_size = 0;
    vm.SetUserMemoryRegion(region);
  }
  return call;
}

}  // namespace kct
