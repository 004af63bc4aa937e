// SPDX-License-Identifier: GPL-2.0-only
// WatchedPages: the imitated userfaultfd.
#pragma once

#include "harness/imitation/world.h"

namespace kct::imitation {

class WatchedPages final : public MissingPages {
 public:
  WatchedPages(World& world, Hva start, Bytes size, MissingPage mode);
  ~WatchedPages() override;

  std::optional<Hva> NextFault(Instant deadline) override;
  Status SupplyZeros(Hva page, Bytes size) override;
  Status SupplyPoison(Hva page, Bytes size) override;

 private:
  World& world_;
  WatchedRange& range_;
};

}  // namespace kct::imitation
