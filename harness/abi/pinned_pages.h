// SPDX-License-Identifier: GPL-2.0-only
// PinnedPages: memory of this process that io_uring holds as a fixed buffer, as it would for a
// device: its pages have references for as long as that lasts.
#pragma once

#include "harness/base/result.h"
#include "harness/base/unique_fd.h"
#include "harness/base/units.h"

namespace kct {

class PinnedPages {
 public:
  // Pins the range until the end of this object's life.
  static Result<PinnedPages> Of(Hva start, Bytes size);
  // A ring without buffers. Error: this kernel has none for us.
  static Result<PinnedPages> None();

 private:
  explicit PinnedPages(UniqueFd ring) : ring_(std::move(ring)) {}
  UniqueFd ring_;
};

}  // namespace kct
