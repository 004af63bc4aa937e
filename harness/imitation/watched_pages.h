// SPDX-License-Identifier: GPL-2.0-only
// WatchedPages: the imitated userfaultfd.
#pragma once

#include "harness/imitation/world.h"

namespace kct::imitation {

class WatchedPages final : public WatchedMemory {
 public:
  WatchedPages(World& world, const WatchedRange& range);
  ~WatchedPages() override;

  std::optional<PageFault> NextFault(Instant deadline) override;
  int Order(const PageOrder& order) override;

 private:
  Errno Carry(const PageOrder& order);
  // Pages that were missing are there from now on, with what is at `from`, if that is anywhere.
  Errno Supply(const PageOrder& order);

  World& world_;
  WatchedRange& range_;
};

}  // namespace kct::imitation
