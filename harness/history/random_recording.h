// SPDX-License-Identifier: GPL-2.0-only
// Random recordings that have an explanation, because the model itself made them; and what one
// wrong answer makes of them. For property tests and benchmarks.
#pragma once

#include "harness/base/random.h"
#include "harness/history/recording.h"

namespace kct {

struct RandomRecordingOptions {
  uint32_t actors = 3;
  uint32_t calls = 6;  // besides the guest's accesses' KVM_RUNs
  // How much of the time calls overlap: 0 is one after the other, 100 as much as there are actors.
  uint32_t overlap_percent = 60;
};

// Actors that create, delete, move and re-flag slots, prefault, and read and write as guests, all
// in a few pages; every answer is one that the model gave.
Recording RandomRecording(Random random, const RandomRecordingOptions& options);

// Gives one call another answer, which may or may not have an explanation as well.
void Falsify(Recording& recording, Random random);

}  // namespace kct
