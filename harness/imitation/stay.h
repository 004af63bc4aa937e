// SPDX-License-Identifier: GPL-2.0-only
// Stay: the calling thread's stay in the imitated kernel, from the entry of a call to its return.
// It holds the world's lock except while it waits or gives way.
#pragma once

#include <initializer_list>
#include <mutex>

#include "harness/imitation/held_signals.h"
#include "harness/imitation/world.h"

namespace kct::imitation {

// Functions of the kernel, innermost first: where the real one would be.
using Place = std::initializer_list<const char*>;

class Stay {
 public:
  explicit Stay(World& world);
  ~Stay();
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

  World& world() const { return world_; }
  bool SignalPending() const { return signals_.Pending(); }

  // Waits until something has changed, or a while has passed: look again then.
  void Wait(Place place) { PassTime(place, Meanwhile::kSleeps); }
  // The same for a place where the real kernel does not sleep but tries again and again.
  void Spin(Place place) { PassTime(place, Meanwhile::kRuns); }
  // An atomic step has been made: everybody looks again, and may come in between.
  void Stepped();
  // Lets others in.
  void GiveWay();

 private:
  // What the thread would be seen to do.
  enum class Meanwhile { kSleeps, kRuns };
  void PassTime(Place place, Meanwhile meanwhile);

  World& world_;
  HeldSignals signals_;
  std::unique_lock<FairMutex> lock_;
  KernelView& view_;
  bool waiting_ = false;
  uint32_t steps_ = 0;
};

}  // namespace kct::imitation
