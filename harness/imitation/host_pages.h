// SPDX-License-Identifier: GPL-2.0-only
// HostPages: what stands between the imitated kernel and the memory of this process: ranges whose
// missing pages somebody supplies, and pages that are poisoned.
#pragma once

#include <deque>
#include <list>
#include <set>

#include "harness/abi/userfaultfd.h"

namespace kct::imitation {

class Stay;

// What came of the wish to use a page.
enum class PageState {
  kThere,
  kLookAgain,    // there now, but the caller waited for it and the world went on
  kUnusable,     // nothing mapped, no permission, or nobody may wait for it
  kPoisoned,     //
  kInterrupted,  // a signal came while it was waited for
};

enum class Interruptible { kYes, kNo };

struct WatchedRange {
  Hva start;
  Bytes size;
  MissingPage mode;
  std::deque<Hva> faults;  // not yet told
  std::set<Hva> supplied;  // no longer missing

  bool Holds(Hva page) const { return page >= start && page < start + size; }
};

class HostPages {
 public:
  // Brings the page in for reading, and waits for it where it has to.
  PageState BringIn(Stay& stay, Hva page, Interruptible interruptible);

  WatchedRange& Watch(Hva start, Bytes size, MissingPage mode);
  void Forget(const WatchedRange& range);

  void Poison(Hva page) { poisoned_.insert(page); }

  // Asks whoever supplies the page for it, if it is missing. False: it is not.
  bool AskFor(Stay& stay, Hva page);

  // Grows with everything that takes pages of the host away.
  uint64_t invalidations() const { return invalidations_; }
  // Pages of the range are not what they were, or are missing again.
  void Invalidate(Hva start, Bytes size);

 private:
  // The range that has to supply the page; nullptr: it is not missing.
  WatchedRange* FindMissing(Hva page);

  std::list<WatchedRange> watched_;
  std::set<Hva> poisoned_;
  uint64_t invalidations_ = 0;
};

}  // namespace kct::imitation
