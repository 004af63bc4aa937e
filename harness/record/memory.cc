// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/memory.h"

#include <algorithm>

#include "harness/abi/uapi.h"

namespace kct {
namespace {

constexpr uint64_t kWord = 8;

}  // namespace

MemoryRange Behind(const Placement& place, const MemoryRange& guest) {
  const uint64_t first = std::max(guest.start, place.guest.start);
  const uint64_t last =
      std::min(guest.start + (guest.size - 1), place.guest.start + (place.guest.size - 1));
  return {place.host + (first - place.guest.start), last - first + 1};
}

void WrittenMemory::AddPlacement(const model::Operation& region) {
  if (region.size == 0) return;
  const bool binds = (region.flags & KVM_MEM_GUEST_MEMFD) != 0;
  const Placement place{{region.address, region.size},
                        region.host,
                        !binds             ? kNoFile
                        : region.gmem >= 0 ? region.gmem
                                           : kUnknownFile};
  if (std::find(placements_.begin(), placements_.end(), place) == placements_.end()) {
    placements_.push_back(place);
  }
}

void WrittenMemory::ForgetHost(const MemoryRange& host, uint64_t from) {
  if (host.size > 0) forgotten_.push_back({host, from});
}

void WrittenMemory::ForgetGuest(const MemoryRange& guest, uint64_t from) {
  for (const Placement& place : placements_) {
    if (place.guest.Overlaps(guest)) ForgetHost(Behind(place, guest), from);
  }
}

bool WrittenMemory::Knows(uint64_t gpa, uint64_t until) const {
  const MemoryRange guest{gpa, kWord};
  return std::all_of(placements_.begin(), placements_.end(), [&](const Placement& place) {
    if (!place.guest.Overlaps(guest)) return true;
    return place.file == kNoFile && KnowsHost(Behind(place, guest), until);
  });
}

bool WrittenMemory::KnowsHost(const MemoryRange& host, uint64_t until) const {
  if (until >= all_from_) return false;
  return std::none_of(forgotten_.begin(), forgotten_.end(), [&](const Forgotten& one) {
    return one.from <= until && one.host.Overlaps(host);
  });
}

bool WrittenMemory::IsShown(const MemoryRange& host) const {
  return std::any_of(placements_.begin(), placements_.end(), [&](const Placement& place) {
    return MemoryRange{place.host, place.guest.size}.Overlaps(host);
  });
}

std::vector<int32_t> WrittenMemory::FilesBehind(const MemoryRange& guest) const {
  std::vector<int32_t> files;
  for (const Placement& place : placements_) {
    if (place.file != kNoFile && place.guest.Overlaps(guest)) files.push_back(place.file);
  }
  return files;
}

}  // namespace kct
