// SPDX-License-Identifier: GPL-2.0-only
// Race: two or more actors make one call each per round, until their calls have really met often
// enough.
//
//   Race race(Seed(), {.meetings = 200});
//   race.Actor("prefault", [&] { return vcpu.PreFault(slot.range()); });
//   race.Actor("delete", [&] { return slot.Delete(); });
//   race.AfterRound([&] { return slot.Restore(); });
//   ASSERT_OK_AND_ASSIGN(History history, race.Run());
//   ASSERT_MET(history);
//
// The threads live for the whole race and start each round from a spin on one word: a barrier
// alone puts calls of a microsecond side by side, not on top of each other. From the times of the
// rounds so far the race learns how far apart the calls begin and how long they take, and delays
// one side by a random amount of the range in which they can overlap, so that meetings come early
// and spread over all phases of the overlap. Same seed, same choices.
//
// BEWARE: the callables run on the actors' threads: no GoogleTest assertions in them. Record, and
// judge the history afterwards.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/random.h"
#include "harness/base/result.h"
#include "harness/race/history.h"

namespace kct {

struct RaceOptions {
  uint32_t meetings = 200;  // rounds whose calls overlapped, to be reached
  // For reaching them; then the race ends as it is. A machine left alone needs a tenth of a second.
  Duration patience = 30s;
  uint32_t most_rounds = 200'000;
};

// How the start of a round is arranged. Everything but kAdaptive exists to be compared with.
enum class StartLine { kAdaptive, kBarrier };

class Race {
 public:
  Race(uint64_t seed, RaceOptions options) : random_(seed), options_(options) {}

  // REQUIRES: before Run; at most 8 actors.
  void Actor(std::string name, std::function<CallRecord()> call);
  // Puts the world back before the next round, on one of the actors' threads while the others
  // wait. A call that fails ends the race with an error.
  void AfterRound(std::function<CallRecord()> restore) { restore_ = std::move(restore); }
  void UseStartLine(StartLine start_line) { start_line_ = start_line; }

  // Runs to the wanted number of meetings, or until patience ends. Error: a round could not be
  // restored.
  Result<History> Run();

 private:
  struct Side {
    std::string name;
    std::function<CallRecord()> call;
  };

  Random random_;
  RaceOptions options_;
  StartLine start_line_ = StartLine::kAdaptive;
  std::vector<Side> sides_;
  std::function<CallRecord()> restore_;
};

}  // namespace kct
