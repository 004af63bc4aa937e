// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/host_pages.h"

#include <algorithm>

#include "harness/imitation/stay.h"
#include "harness/imitation/user_memory.h"

namespace kct::imitation {

std::optional<FaultKind> WatchedRange::FaultOf(Hva page, Use use) const {
  if (!Holds(page)) return std::nullopt;
  if (!supplied.contains(page)) {
    if (Has(kinds, FaultKind::kMinor)) return FaultKind::kMinor;
    if (Has(kinds, FaultKind::kMissing)) return FaultKind::kMissing;
  }
  if (use == Use::kWrite && protected_pages.contains(page)) return FaultKind::kProtected;
  return std::nullopt;
}

namespace {

// The planted bug that lets an access get through.
model::Bug BugThatMisses(FaultKind kind) {
  return kind == FaultKind::kProtected ? model::Bug::kProtectedPageIsWritten
                                       : model::Bug::kUserfaultIsNotWaitedFor;
}

}  // namespace

const WatchedRange* HostPages::FindFaulting(Hva page, Use use) const {
  for (const WatchedRange& range : watched_) {
    if (range.FaultOf(page, use)) return &range;
  }
  return nullptr;
}

bool HostPages::IsMissing(Hva page, Use use) const { return FindFaulting(page, use) != nullptr; }

PageState HostPages::BringIn(Stay& stay, Hva page, Use use, Interruptible interruptible) {
  const uint64_t before = invalidations();
  bool waited = false;
  for (;; waited = true) {
    if (poisoned_.contains(page)) return PageState::kPoisoned;
    const WatchedRange* const range = FindFaulting(page, use);
    if (range == nullptr) break;
    if (range->on_fault != OnFault::kWait) return PageState::kUnusable;
    if (stay.world().Planted(BugThatMisses(*range->FaultOf(page, use)))) break;
    if (interruptible == Interruptible::kYes && stay.SignalPending()) {
      return PageState::kInterrupted;
    }
    if (!waited) AskFor(stay, page, use);
    ++waiting_;
    stay.Wait({"handle_userfault", "hva_to_pfn", "kvm_mmu_faultin_pfn", "kvm_vcpu_ioctl"});
    --waiting_;
  }
  char byte;
  if (!ReadUser(page, &byte, 1)) return PageState::kUnusable;
  return waited && before != invalidations() ? PageState::kLookAgain : PageState::kThere;
}

bool HostPages::AskFor(Stay& stay, Hva page, Use use) {
  auto* const range = const_cast<WatchedRange*>(FindFaulting(page, use));
  if (range == nullptr) return false;
  range->faults.push_back({page, *range->FaultOf(page, use)});
  stay.world().changed.notify_all();
  return true;
}

void HostPages::Forget(const WatchedRange& range) {
  watched_.remove_if([&](const WatchedRange& other) { return &other == &range; });
}

uint64_t HostPages::CountOf(Hva start, Bytes size, uint64_t since) const {
  const auto overlaps = [&](const std::pair<Hva, Bytes>& one) {
    return one.first < start + size && start < one.first + one.second;
  };
  const auto first = invalidated_.begin() + static_cast<std::ptrdiff_t>(since);
  return static_cast<uint64_t>(std::count_if(first, invalidated_.end(), overlaps));
}

void HostPages::Invalidate(Hva start, Bytes size) {
  invalidated_.emplace_back(start, size);
  for (WatchedRange& range : watched_) {
    range.supplied.erase(range.supplied.lower_bound(start),
                         range.supplied.lower_bound(start + size));
  }
}

}  // namespace kct::imitation
