// SPDX-License-Identifier: GPL-2.0-only
// DirtyRing: the pages that one vCPU has dirtied, in the order in which KVM noticed, in memory that
// the vCPU shares with us (api.rst 7.36, virt/kvm/dirty_ring.c).
//
//   vm.EnableCap(KVM_CAP_DIRTY_LOG_RING, DirtyRing::SizeOf(1024));   // before the first vCPU
//   ASSERT_OK_AND_ASSIGN(DirtyRing ring, DirtyRing::Of(vcpu, 1024));
//   for (const DirtyPage& page : ring.Harvest()) …
//   vm.ResetDirtyRings();
#pragma once

#include <vector>

#include "harness/kvm/vcpu.h"

namespace kct {

struct DirtyPage {
  uint32_t slot;    // id, the address space above bit 16
  uint64_t offset;  // page of the slot
  auto operator<=>(const DirtyPage&) const = default;
};

class DirtyRing {
 public:
  // In bytes, as KVM_ENABLE_CAP wants it.
  static constexpr uint64_t SizeOf(uint32_t entries) { return entries * sizeof(kvm_dirty_gfn); }

  // Maps the ring. REQUIRES: the VM has rings of `entries` entries.
  static Result<DirtyRing> Of(const Vcpu& vcpu, uint32_t entries);

  // Takes what KVM has published since the last time, in its order. What was taken is KVM's again
  // after KVM_RESET_DIRTY_RINGS.
  std::vector<DirtyPage> Harvest();

 private:
  DirtyRing(Mapping memory, uint32_t entries) : memory_(std::move(memory)), entries_(entries) {}
  kvm_dirty_gfn& At(uint64_t index) const;

  Mapping memory_;
  uint32_t entries_;
  uint64_t next_ = 0;
};

}  // namespace kct
