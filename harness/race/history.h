// SPDX-License-Identifier: GPL-2.0-only
// History: every call of a race with its round, and which of them met.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/abi/call.h"

namespace kct {

struct RaceEvent {
  uint32_t round;
  uint32_t actor;  // index into History::actors
  CallRecord call;
};

struct History {
  std::vector<std::string> actors;
  std::vector<RaceEvent> events;  // round by round; within one in the order of the actors
  uint32_t rounds = 0;
  uint32_t meetings = 0;                   // rounds in which calls of two actors overlapped in time
  uint32_t target = 0;                     // meetings that were asked for
  std::map<std::string, uint32_t> phases;  // "delete began inside prefault" -> rounds
  std::map<std::string, uint32_t> answers;  // "prefault: EAGAIN" -> calls

  // Whether the race can say anything at all.
  bool Met() const { return meetings >= target; }
  uint32_t AnswersOf(std::string_view actor, std::string_view answer) const;
  // The calls of the same round by other actors that overlapped this event's.
  std::vector<RaceEvent> MeetingsOf(const RaceEvent& event) const;
  // "round 37  prefault  PRE_FAULT_MEMORY(…) -> -1 EAGAIN".
  std::string Describe(const RaceEvent& event) const;
  // "994 rounds, 203 meetings (200 wanted)".
  std::string Summary() const;
};

void PrintTo(const History& history, std::ostream* os);

}  // namespace kct
