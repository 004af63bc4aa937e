// SPDX-License-Identifier: GPL-2.0-only
#include "harness/race/history.h"

#include <fmt/format.h>

#include <ostream>

namespace kct {

uint32_t History::AnswersOf(std::string_view actor, std::string_view answer) const {
  const auto found = answers.find(fmt::format("{}: {}", actor, answer));
  return found == answers.end() ? 0 : found->second;
}

std::vector<RaceEvent> History::MeetingsOf(const RaceEvent& event) const {
  std::vector<RaceEvent> met;
  for (const RaceEvent& other : events) {
    if (other.round == event.round && other.actor != event.actor &&
        other.call.Overlaps(event.call)) {
      met.push_back(other);
    }
  }
  return met;
}

std::string History::Describe(const RaceEvent& event) const {
  return fmt::format("round {}  {}  {}", event.round, actors[event.actor], event.call.ToString());
}

std::string History::Summary() const {
  return fmt::format("{} rounds, {} meetings ({} wanted)", rounds, meetings, target);
}

void PrintTo(const History& history, std::ostream* os) { *os << history.Summary(); }

}  // namespace kct
