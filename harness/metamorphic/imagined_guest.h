// SPDX-License-Identifier: GPL-2.0-only
// A machine that plays scenarios in this process, without any KVM, and with one thing wrong with it
// where a test wants that: to see that scenarios are such that it shows.
#pragma once

#include "harness/metamorphic/guest_view.h"

namespace kct {

struct Slip {
  enum class Kind {
    kNone,
    kWrongWord,    // a word of `page` changes before the guest's part of the episode
    kStalePage,    // in the episode the guest works on `page` as it was before the host's part
    kNextPage,     // in the episode the guest finds the next page at the place of `page`
    kStaleSlot,    // in the episode a slot that was deleted is still there
    kWrongAnswer,  // the first exit of the episode that asks for data gets other data
  };
  Kind kind = Kind::kNone;
  std::size_t episode = 0;
  uint64_t page = 0;
  uint64_t word = 0;
};

GuestView Imagine(const Scenario& scenario, const Slip& slip = {});

}  // namespace kct
