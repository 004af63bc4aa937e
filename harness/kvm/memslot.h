// SPDX-License-Identifier: GPL-2.0-only
// Memslot: a slot of a VM with the host memory behind it.
//
// The object remembers what the slot was created with, so that Delete and Restore can alternate.
// It does not delete the slot at the end of its life: the VM's end does. Its memory must outlive
// the last use of the VM.
#pragma once

#include "harness/abi/backend.h"
#include "harness/base/mapping.h"

namespace kct {

class Memslot {
 public:
  Memslot(int vm_fd, const kvm_userspace_memory_region& region, Mapping memory)
      : vm_fd_(vm_fd), region_(region), memory_(std::move(memory)) {}

  uint32_t id() const { return region_.slot; }
  Gpa gpa() const { return {region_.guest_phys_addr}; }
  Bytes size() const { return {region_.memory_size}; }
  GpaRange range() const { return {gpa(), size()}; }
  Hva hva() const { return {region_.userspace_addr}; }
  const Mapping& memory() const { return memory_; }
  const kvm_userspace_memory_region& region() const { return region_; }

  // Each is one KVM_SET_USER_MEMORY_REGION.
  MemoryRegionCall Delete() const;            // size 0
  MemoryRegionCall Restore() const;           // as it is remembered: creates it again after Delete
  MemoryRegionCall MoveTo(Gpa gpa);           // the new place is remembered if the call succeeds
  MemoryRegionCall SetFlags(uint32_t flags);  // likewise

 private:
  MemoryRegionCall Set(const kvm_userspace_memory_region& region) const;
  int vm_fd_;
  kvm_userspace_memory_region region_;
  Mapping memory_;
};

}  // namespace kct
