// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm/dirty_ring.h"

#include <atomic>

namespace kct {

Result<DirtyRing> DirtyRing::Of(const Vcpu& vcpu, uint32_t entries) {
  KCT_TRY(Mapping memory,
          Mapping::OfFile(vcpu.fd(), {SizeOf(entries)}, Pages(KVM_DIRTY_LOG_PAGE_OFFSET)));
  return DirtyRing(std::move(memory), entries);
}

kvm_dirty_gfn& DirtyRing::At(uint64_t index) const {
  return static_cast<kvm_dirty_gfn*>(memory_.data())[index % entries_];
}

std::vector<DirtyPage> DirtyRing::Harvest() {
  std::vector<DirtyPage> pages;
  while (pages.size() < entries_) {
    kvm_dirty_gfn& entry = At(next_);
    std::atomic_ref<__u32> flags(entry.flags);
    // Acquire and release: the fields belong to the flags.
    if (flags.load(std::memory_order_acquire) != KVM_DIRTY_GFN_F_DIRTY) break;
    pages.push_back({entry.slot, entry.offset});
    flags.store(KVM_DIRTY_GFN_F_RESET, std::memory_order_release);
    ++next_;
  }
  return pages;
}

}  // namespace kct
