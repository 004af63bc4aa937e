// SPDX-License-Identifier: GPL-2.0-only
// HostPages: what stands between the imitated kernel and the memory of this process: ranges whose
// faults somebody answers, and pages that are poisoned.
#pragma once

#include <deque>
#include <list>
#include <optional>
#include <set>
#include <utility>
#include <vector>

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

enum class Use { kRead, kWrite };

struct WatchedRange {
  Hva start;
  Bytes size;
  OnFault on_fault;
  FaultKind kinds;
  std::deque<PageFault> faults = {};   // not yet told
  std::set<Hva> supplied = {};         // no longer missing
  std::set<Hva> protected_pages = {};  // from writes

  bool Holds(Hva page) const { return page >= start && page < start + size; }
  // Why such a use of the page faults; none: it does not. Of a file all pages are there.
  std::optional<FaultKind> FaultOf(Hva page, Use use) const;
};

class HostPages {
 public:
  // Brings the page in, and waits for it where it has to.
  PageState BringIn(Stay& stay, Hva page, Use use, Interruptible interruptible);

  WatchedRange& Watch(const WatchedRange& range) { return watched_.emplace_back(range); }
  void Forget(const WatchedRange& range);

  void Poison(Hva page) { poisoned_.insert(page); }
  // Whether a call waits for a page.
  bool SomebodyWaits() const { return waiting_ > 0; }

  // Asks whoever supplies the page for it, if such a use faults. False: it does not.
  bool AskFor(Stay& stay, Hva page, Use use);

  // Whether such a use of the page would have to wait for somebody.
  bool IsMissing(Hva page, Use use) const;

  // Grows with everything that takes pages of the host away.
  uint64_t invalidations() const { return invalidated_.size(); }
  // How many of them overlapped the range, after the first `since`.
  uint64_t CountOf(Hva start, Bytes size, uint64_t since) const;
  // Pages of the range are not what they were, or are missing again.
  void Invalidate(Hva start, Bytes size);

 private:
  // The range in which such a use of the page faults; nullptr: none.
  const WatchedRange* FindFaulting(Hva page, Use use) const;

  std::list<WatchedRange> watched_;
  std::set<Hva> poisoned_;
  std::vector<std::pair<Hva, Bytes>> invalidated_;
  int waiting_ = 0;
};

}  // namespace kct::imitation
