// SPDX-License-Identifier: GPL-2.0-only
// Scenario: a random but repeatable life of guest memory: what the host does to it, and what a
// guest of two vCPUs does in between. All of it follows from a seed.
//
//   const Scenario scenario = WriteScenario(seed);   // same seed, same scenario, on every machine
//
// A scenario says nothing of what memory is made of, how many slots it is cut into or which page
// tables translate it: those are for whoever plays it, and the guest must not see them
// (docs/design/metamorphic.md).
//
// The memory is kScenarioPages long. A scenario plays on a few pairs of neighbours among them, at
// the ends, astride a huge page and elsewhere, so that accesses cross from one to the next. At the
// start it is zero and lies at the first of kScenarioPlaces. In each page a stretch in the middle
// is kept: functions are planted there, and the first page has the word that vCPUs take turns with.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/guest/program.h"

namespace kct {

inline constexpr uint64_t kScenarioPages = 1024;
inline constexpr Bytes kScenarioSize = Pages(kScenarioPages);
// The third is out of step with huge pages. The guest can address all of them.
inline constexpr std::array<Gpa, 3> kScenarioPlaces{1_GiB_gpa, 3_GiB_gpa, 5_GiB_gpa + kPage};
inline constexpr int kScenarioCpus = 2;

// The stretch of each page that only plants and turns write to.
inline constexpr Bytes kKeptBegin{0x780}, kKeptEnd{0x800};

struct HostAction {
  enum class Kind {
    kPaint,     // fills `page` with words made from `value`
    kDrop,      // gives the memory of `page` back: it reads as zeros
    kRemap,     // takes `count` pages from `page` on out of reach and back, contents untouched
    kCreate,    // makes the slot at `place`; it was deleted before
    kDelete,    //
    kMove,      // to `place`
    kStartLog,  // dirty logging
    kStopLog,   //
    kReadLog,   // asks which pages were written, and forgets it
  };
  Kind kind;
  uint64_t page = 0;
  uint64_t count = 1;
  uint64_t value = 0;
  Gpa place;

  std::string ToString() const;
};

struct Episode {
  std::vector<HostAction> before;  // what the host does first, in this order
  // Then the guest. Where both have one, they run at the same time and take turns.
  std::array<Program, kScenarioCpus> programs;
};

struct Scenario {
  uint64_t seed = 0;
  std::vector<uint64_t> pages;  // the ones it plays on, ascending
  uint64_t split = 0;           // the page where a layout of two slots is cut
  std::vector<Episode> episodes;

  std::string ToString() const;
};

Scenario WriteScenario(uint64_t seed);
// As many scenarios as that, of a test with this seed.
std::vector<Scenario> WriteScenarios(uint64_t test_seed, int count);

// The word at `index` of a page painted with `value`.
uint64_t PaintedWord(uint64_t value, uint64_t index);
// What the host answers to the exit number `index` of a vCPU in an episode.
uint64_t AnswerToExit(const Scenario& scenario, uint64_t index);

}  // namespace kct
