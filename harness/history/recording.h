// SPDX-License-Identifier: GPL-2.0-only
// Recording: what happened to one VM, call by call, in the model's words, with the times at which
// each began and returned. What a test run leaves behind, and what the judge judges.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/model/operation.h"
#include "harness/model/rules.h"
#include "harness/model/step.h"

namespace kct {

struct RecordedCall {
  uint32_t lane = 0;  // index into Recording::lanes: who made it
  model::Operation op;
  model::Outcome seen;   // what came back
  uint64_t begin = 0;    // TSC ticks since the recording began
  uint64_t end = 0;      // the same; without meaning if it did not return
  bool returned = true;  // false: it was still under way when the recording ended
  bool refused = false;  // its argument never reached KVM (EFAULT on copying it): not judged
  // It happened, but what came back is not judged: the model has no words for it, or whoever
  // recorded it could not know all that the answer depends on.
  bool any_answer = false;
  std::string text;  // the call as the test's report shows it, or empty

  bool operator==(const RecordedCall&) const = default;
};

// Something that was seen of a call while it was under way: it had got so far by then.
struct Sighting {
  uint32_t call = 0;  // index into Recording::calls
  uint64_t time = 0;
  model::Phase phase = model::Phase::kCalled;

  bool operator==(const Sighting&) const = default;
};

struct Recording {
  std::string test;    // "PrefaultRaces.WithDeleteMapsSomethingOrSaysWhy"
  std::string kernel;  // its release
  uint64_t seed = 0;
  uint32_t ticks_per_us = 0;  // of the TSC; 0: not known
  model::Rules rules;  // the facts about the machine; nothing planted
  std::vector<std::string> lanes;
  std::vector<RecordedCall> calls;    // by begin
  std::vector<Sighting> sightings;    // by time
  std::vector<std::string> unjudged;  // what happened that the model has no words for
  bool truncated = false;             // the recording ends before the test did

  bool operator==(const Recording&) const = default;
};

}  // namespace kct
