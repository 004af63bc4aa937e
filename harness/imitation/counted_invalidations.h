// SPDX-License-Identifier: GPL-2.0-only
// CountedInvalidations: the imitated tracepoint of KVM's notifier.
#pragma once

#include <mutex>

#include "harness/imitation/world.h"

namespace kct::imitation {

class CountedInvalidations final : public Invalidations {
 public:
  // REQUIRES: the caller holds the lock of the world.
  CountedInvalidations(World& world, Hva start, Bytes size)
      : world_(world), start_(start), size_(size), before_(world.pages.invalidations()) {}

  Result<uint64_t> Count() const override {
    std::lock_guard lock(world_.mutex);
    return world_.pages.CountOf(start_, size_, before_);
  }

 private:
  World& world_;
  Hva start_;
  Bytes size_;
  uint64_t before_;
};

}  // namespace kct::imitation
