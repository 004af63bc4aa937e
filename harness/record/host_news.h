// SPDX-License-Identifier: GPL-2.0-only
// HostNews: what happened besides ioctls: to the host's memory, and signals.
#pragma once

#include <span>
#include <vector>

#include "harness/record/memory.h"
#include "harness/record/objects.h"

namespace kct {

class HostNews {
 public:
  explicit HostNews(std::span<const Taped> events);

  // All ones: there was none.
  uint64_t first_signal() const { return first_signal_; }
  // Everything but signals and sightings, by time.
  const std::vector<Taped>& memory() const { return memory_; }
  const std::vector<Taped>& sightings() const { return sightings_; }
  // What made the roots of all VMs obsolete.
  const std::vector<Taped>& roots_dropped() const { return roots_dropped_; }

  // Whether some of it was unmapped, protected, poisoned or watched until that time.
  bool HasChanged(const MemoryRange& host, uint64_t until) const;
  // Whether a page of it is watched, and nobody ever supplied it.
  bool IsMissing(const MemoryRange& host) const;

  // Pages that the tape has a store to.
  const std::vector<uint64_t>& stored_pages() const { return stored_pages_; }

 private:
  bool IsSupplied(const MemoryRange& page) const;

  uint64_t first_signal_ = UINT64_MAX;
  std::vector<Taped> memory_;
  std::vector<Taped> changes_;  // of memory_, those that HasChanged() is about
  std::vector<MemoryRange> supplied_;
  std::vector<Taped> roots_dropped_, sightings_;
  std::vector<uint64_t> stored_pages_;
};

// Of an event that is about memory: where.
MemoryRange RangeOf(const TapeEvent& event);

}  // namespace kct
