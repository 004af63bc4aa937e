// SPDX-License-Identifier: GPL-2.0-only
// WrittenMemory: of which words of the host's memory all writers are known. What a guest reads is
// part of its story only there.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/model/operation.h"

namespace kct {

struct MemoryRange {
  uint64_t start;
  uint64_t size;
  bool Overlaps(const MemoryRange& other) const {
    return start - other.start < other.size || other.start - start < size;
  }
  bool operator==(const MemoryRange&) const = default;
};

inline constexpr int32_t kNoFile = -1;
inline constexpr int32_t kUnknownFile = -2;  // it has one, of which nothing is known

// Where a slot was, at any time.
struct Placement {
  MemoryRange guest;
  uint64_t host;
  int32_t file;  // number of the guest_memfd that its memory is; kNoFile: of the host
  bool operator==(const Placement&) const = default;
};

// What of the host's memory is behind `guest` there. REQUIRES: they overlap.
MemoryRange Behind(const Placement& place, const MemoryRange& guest);

class WrittenMemory {
 public:
  // An update that may have put a slot there.
  void AddPlacement(const model::Operation& region);
  // From then on anybody may write to the range, unseen.
  void ForgetHost(const MemoryRange& host, uint64_t from);
  // The same for guest addresses: what is behind them, whenever and in whichever slot.
  void ForgetGuest(const MemoryRange& guest, uint64_t from);
  void ForgetAll(uint64_t from) { all_from_ = from < all_from_ ? from : all_from_; }

  // Whether all writers are known, of all that may be behind a guest's word until that time.
  bool Knows(uint64_t gpa, uint64_t until) const;
  bool KnowsHost(const MemoryRange& host, uint64_t until) const;
  // Whether a slot has ever shown this host memory.
  bool IsShown(const MemoryRange& host) const;
  // The numbers of all files that have ever been behind some of it.
  std::vector<int32_t> FilesBehind(const MemoryRange& guest) const;
  const std::vector<Placement>& placements() const { return placements_; }

 private:
  struct Forgotten {
    MemoryRange host;
    uint64_t from;
  };
  std::vector<Placement> placements_;
  std::vector<Forgotten> forgotten_;
  uint64_t all_from_ = UINT64_MAX;
};

}  // namespace kct
