// SPDX-License-Identifier: GPL-2.0-only
// Aim: learns from past rounds how to delay two calls so that they overlap.
#pragma once

#include <array>
#include <cstdint>

#include "harness/abi/call.h"
#include "harness/base/random.h"

namespace kct {

// TSC ticks to wait after the start signal, for the first and the second actor.
struct Delays {
  int64_t first = 0;
  int64_t second = 0;
};

// The median of the last few values: one round in which the machine did something else does not
// spoil it, as it would a mean.
class RecentMedian {
 public:
  void Add(int64_t value);
  int64_t value() const;  // 0 before the first
  bool empty() const { return count_ == 0; }

 private:
  static constexpr std::size_t kWindow = 15;
  std::array<int64_t, kWindow> ring_{};
  std::size_t count_ = 0;
};

class Aim {
 public:
  explicit Aim(Random random) : random_(random) {}

  // Delays for the next round: of all relative starts at which the calls would overlap, going by
  // what was seen, a random one; now and then one a little beyond, since durations change.
  Delays Next();
  // What the last delays led to.
  void Learn(const Delays& used, const CallRecord& first, const CallRecord& second);

 private:
  Random random_;
  RecentMedian skew_;  // how much later the second begins when neither is delayed
  RecentMedian first_duration_;
  RecentMedian second_duration_;
};

}  // namespace kct
