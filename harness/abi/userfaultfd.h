// SPDX-License-Identifier: GPL-2.0-only
// Userfaultfd: missing-page faults of a range of this process, delivered to us and answered by us.
#pragma once

#include <memory>
#include <optional>

#include "harness/base/clock.h"
#include "harness/base/result.h"
#include "harness/base/units.h"

namespace kct {

// What a fault on a missing page does.
enum class MissingPage {
  kWait,      // the faulting thread waits until the page is supplied, also inside the kernel
  kSigbus,    // the access fails at once, as if nothing were mapped (UFFD_FEATURE_SIGBUS)
  kUserOnly,  // only accesses made in user mode wait; those of the kernel fail
};

// A range that is watched for such faults. Its end lets everybody who waits go on.
class MissingPages {
 public:
  virtual ~MissingPages() = default;
  virtual std::optional<Hva> NextFault(Instant deadline) = 0;
  virtual Status SupplyZeros(Hva page, Bytes size) = 0;
  virtual Status SupplyPoison(Hva page, Bytes size) = 0;
};

// With the kernel's userfaultfd.
Result<std::unique_ptr<MissingPages>> WatchWithUserfaultfd(Hva start, Bytes size, MissingPage mode);

class Userfaultfd {
 public:
  // Registers [start, start + size) for missing-page faults. REQUIRES: page aligned, mapped.
  static Result<Userfaultfd> Register(Hva start, Bytes size, MissingPage mode);

  // Waits for the next fault and returns its address; none if the deadline passes first.
  std::optional<Hva> NextFault(Instant deadline) { return pages_->NextFault(deadline); }

  // Supplies zeroed pages and lets the waiting threads go on. Pages that are there already are
  // left alone.
  Status SupplyZeros(Hva page, Bytes size);
  // Marks a page as poisoned memory, as a hardware error would; waiting threads go on.
  Status SupplyPoison(Hva page, Bytes size);

 private:
  explicit Userfaultfd(std::unique_ptr<MissingPages> pages) : pages_(std::move(pages)) {}
  std::unique_ptr<MissingPages> pages_;
};

}  // namespace kct
