// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/host_pages.h"

#include "harness/imitation/stay.h"
#include "harness/imitation/user_memory.h"

namespace kct::imitation {

WatchedRange* HostPages::FindMissing(Hva page) {
  for (WatchedRange& range : watched_) {
    if (range.Holds(page) && !range.supplied.contains(page)) return &range;
  }
  return nullptr;
}

PageState HostPages::BringIn(Stay& stay, Hva page, Interruptible interruptible) {
  const uint64_t invalidations = invalidations_;
  bool waited = false;
  for (;; waited = true) {
    if (poisoned_.contains(page)) return PageState::kPoisoned;
    WatchedRange* const range = FindMissing(page);
    if (range == nullptr) break;
    if (range->mode != MissingPage::kWait) return PageState::kUnusable;
    if (interruptible == Interruptible::kYes && stay.SignalPending()) {
      return PageState::kInterrupted;
    }
    if (!waited) AskFor(stay, page);
    stay.Wait({"handle_userfault", "hva_to_pfn", "kvm_mmu_faultin_pfn", "kvm_vcpu_ioctl"});
  }
  char byte;
  if (!ReadUser(page, &byte, 1)) return PageState::kUnusable;
  return waited && invalidations != invalidations_ ? PageState::kLookAgain : PageState::kThere;
}

bool HostPages::AskFor(Stay& stay, Hva page) {
  WatchedRange* const range = FindMissing(page);
  if (range == nullptr) return false;
  range->faults.push_back(page);
  stay.world().changed.notify_all();
  return true;
}

WatchedRange& HostPages::Watch(Hva start, Bytes size, MissingPage mode) {
  return watched_.emplace_back(WatchedRange{start, size, mode, {}, {}});
}

void HostPages::Forget(const WatchedRange& range) {
  watched_.remove_if([&](const WatchedRange& other) { return &other == &range; });
}

void HostPages::Invalidate(Hva start, Bytes size) {
  ++invalidations_;
  for (WatchedRange& range : watched_) {
    range.supplied.erase(range.supplied.lower_bound(start),
                         range.supplied.lower_bound(start + size));
  }
}

}  // namespace kct::imitation
