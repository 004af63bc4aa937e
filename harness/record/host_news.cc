// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/host_news.h"

#include <algorithm>

namespace kct {
namespace {

constexpr uint64_t kWord = 8;

}  // namespace

MemoryRange RangeOf(const TapeEvent& event) {
  return {event.before[0], event.kind == TapeKind::kStore ? kWord : event.before[1]};
}

HostNews::HostNews(std::span<const Taped> events) {
  for (const Taped& taped : events) {
    const TapeEvent& event = *taped.event;
    switch (event.kind) {
      case TapeKind::kIoctl:
      case TapeKind::kFileMapped:
      case TapeKind::kFallocate:
      case TapeKind::kClosed:
        break;
      case TapeKind::kSignal:
        first_signal_ = std::min(first_signal_, event.begin);
        break;
      case TapeKind::kSeenInPage:
      case TapeKind::kSeenWaiting:
        sightings_.push_back(taped);
        break;
      case TapeKind::kSupplied:
        supplied_.push_back(RangeOf(event));
        break;
      case TapeKind::kMemoryChanged:
      case TapeKind::kUnmapped:
      case TapeKind::kPoisoned:
      case TapeKind::kWatched:
        changes_.push_back(taped);
        memory_.push_back(taped);
        break;
      case TapeKind::kStore:
        stored_pages_.push_back(event.before[0] / kPage.count * kPage.count);
        memory_.push_back(taped);
        break;
      case TapeKind::kRootsDropped:
        roots_dropped_.push_back(taped);
        break;
      case TapeKind::kDrop:
      case TapeKind::kMemoryLent:
        memory_.push_back(taped);
        break;
    }
  }
  std::sort(stored_pages_.begin(), stored_pages_.end());
  stored_pages_.erase(std::unique(stored_pages_.begin(), stored_pages_.end()), stored_pages_.end());
}

bool HostNews::HasChanged(const MemoryRange& host, uint64_t until) const {
  return std::any_of(changes_.begin(), changes_.end(), [&](const Taped& taped) {
    return taped.event->begin <= until && RangeOf(*taped.event).Overlaps(host);
  });
}

bool HostNews::IsSupplied(const MemoryRange& page) const {
  return std::any_of(supplied_.begin(), supplied_.end(),
                     [&](const MemoryRange& range) { return range.Overlaps(page); });
}

bool HostNews::IsMissing(const MemoryRange& host) const {
  return std::any_of(changes_.begin(), changes_.end(), [&](const Taped& taped) {
    if (taped.event->kind != TapeKind::kWatched) return false;
    const MemoryRange watched = RangeOf(*taped.event);
    for (uint64_t offset = 0; offset < watched.size; offset += kPage.count) {
      const MemoryRange page{watched.start + offset, kPage.count};
      if (page.Overlaps(host) && !IsSupplied(page)) return true;
    }
    return false;
  });
}

}  // namespace kct
