// SPDX-License-Identifier: GPL-2.0-only
// Aim: learns from past rounds how to delay two calls so that they overlap.
#pragma once

#include <cstdint>

#include "harness/abi/call.h"
#include "harness/base/random.h"

namespace kct {

// TSC ticks to wait after the start signal, for the first and the second actor.
struct Delays {
  int64_t first = 0;
  int64_t second = 0;
};

class Aim {
 public:
  explicit Aim(Random random) : random_(random) {}

  // Delays for the next round: of all relative starts at which the calls would overlap, going by
  // what was seen, a random one; now and then one beyond, since durations change.
  Delays Next();
  // What the last delays led to.
  void Learn(const Delays& used, const CallRecord& first, const CallRecord& second);

 private:
  Random random_;
  // Running means in ticks: how much later the second begins when neither is delayed, and how long
  // each takes.
  double skew_ = 0;
  double first_duration_ = 0;
  double second_duration_ = 0;
  bool learnt_ = false;
};

}  // namespace kct
