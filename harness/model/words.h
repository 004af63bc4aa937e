// SPDX-License-Identifier: GPL-2.0-only
// Words of memory whose value is known: State::words.
#pragma once

#include "harness/model/rules.h"
#include "harness/model/state.h"

namespace kct::model {

// Where a word is.
struct Place {
  int32_t gmem;  // number of the file; -1: the host's memory
  uint64_t address;
};

// What is there. A word that nobody knows is `found` from now on; what a file was never given is 0.
uint64_t ReadWord(const Rules& rules, State& state, const Place& place, uint64_t found);
// A word more than can be kept is one that nobody knows.
void WriteWord(State& state, const Place& place, uint64_t value);
// Something was written there that is no part of the story.
void ForgetWord(State& state, const Place& place);

}  // namespace kct::model
