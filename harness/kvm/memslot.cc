// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm/memslot.h"

namespace kct {

MemoryRegionCall Memslot::Set(const kvm_userspace_memory_region& region) const {
  return Issue(vm_fd_, KVM_SET_USER_MEMORY_REGION, region);
}

MemoryRegionCall Memslot::Delete() const {
  kvm_userspace_memory_region region = region_;
  region.memory_size = 0;
  return Set(region);
}

MemoryRegionCall Memslot::Restore() const { return Set(region_); }

MemoryRegionCall Memslot::MoveTo(Gpa gpa) {
  kvm_userspace_memory_region region = region_;
  region.guest_phys_addr = gpa.value;
  const MemoryRegionCall call = Set(region);
  if (call.ok()) region_ = region;
  return call;
}

MemoryRegionCall Memslot::SetFlags(uint32_t flags) {
  kvm_userspace_memory_region region = region_;
  region.flags = flags;
  const MemoryRegionCall call = Set(region);
  if (call.ok()) region_ = region;
  return call;
}

}  // namespace kct
