// SPDX-License-Identifier: GPL-2.0-only
// Perform: plays a scenario on KVM, on memory of a certain make.
//
//   ASSERT_OK_AND_ASSIGN(const Performance performance,
//                        Perform(scenario, {.backing = Backing::kHugePages}));
//   performance.view; performance.evidence.huge_mappings;
#pragma once

#include "harness/metamorphic/guest_view.h"
#include "harness/testing/scene.h"

namespace kct {

enum class Backing { kSmallPages, kHugePages, kGuestMemfd };
enum class Layout { kOneSlot, kTwoSlots };
enum class Prefault { kNever, kBeforeEachEpisode };
enum class DirtyLog { kAsWritten, kNever };

// All that the guest must not see. A guest_memfd slot can be neither moved nor logged: a move is a
// delete and a create there, and logging is left out.
struct Setting {
  Backing backing = Backing::kSmallPages;
  Layout layout = Layout::kOneSlot;
  Prefault prefault = Prefault::kNever;
  DirtyLog dirty_log = DirtyLog::kAsWritten;
  ZapAllQuirk zap_all = ZapAllQuirk::kOn;
};

// What shows that a setting was what it says it was.
struct Evidence {
  uint64_t huge_mappings = 0;  // the most there were after an episode
  uint64_t prefaults = 0;      // ranges prefaulted to their end
  uint64_t log_starts = 0;

  Evidence& operator+=(const Evidence& other) {
    huge_mappings += other.huge_mappings;
    prefaults += other.prefaults;
    log_starts += other.log_starts;
    return *this;
  }
};

struct Performance {
  GuestView view;
  Evidence evidence;
};

// Error: the host's part went wrong, or the guest could not be loaded. What the guest does and how
// its KVM_RUNs end is in the view, whatever it is.
Result<Performance> Perform(const Scenario& scenario, const Setting& setting);

}  // namespace kct
