// SPDX-License-Identifier: GPL-2.0-only
// Scenarios: repeatable, within their memory, and such that a wrong page shows.
#include "harness/metamorphic/scenario.h"

#include <gmock/gmock.h>

#include <set>

#include "harness/base/random.h"
#include "harness/metamorphic/imagined_guest.h"

namespace kct {
namespace {

using guest::Op;
using guest::OpCode;
using testing::HasSubstr;

constexpr uint64_t kSeeds = 200;

bool LooksTheSame(const GuestView& expected, const GuestView& actual) {
  return !FirstDifference({"expected", expected}, {"actual", actual});
}

// Calls `look` with each operation, and with where the memory is and whether it is there.
template <typename Look>
void ForEachOp(const Scenario& scenario, Look&& look) {
  Gpa place = kScenarioPlaces[0];
  bool there = true;
  for (const Episode& episode : scenario.episodes) {
    for (const HostAction& action : episode.before) {
      if (action.kind == HostAction::Kind::kDelete) there = false;
      if (action.kind == HostAction::Kind::kCreate) there = true;
      if (action.place.value != 0) place = action.place;
    }
    for (const Program& program : episode.programs) {
      for (const Op& op : program.ops()) look(op, place, there);
    }
  }
}

// Bytes of memory that an operation covers, from its address on.
uint64_t Extent(const Op& op) {
  switch (op.code) {
    case OpCode::kTouch:
    case OpCode::kWriteTouch:
      return op.size - kPage.count + 8;
    case OpCode::kPlant:
    case OpCode::kExecute:
      return 8;
    default:
      return std::max<uint64_t>(op.size, op.width);
  }
}

bool Writes(const Op& op) {
  static const std::set<OpCode> kWriters{OpCode::kWrite,   OpCode::kWriteTouch, OpCode::kFill,
                                         OpCode::kSwap,    OpCode::kAdd,        OpCode::kMove,
                                         OpCode::kInString};
  return kWriters.contains(op.code);
}

bool NeedsNoMemory(const Op& op) {
  return op.code == OpCode::kIn || op.code == OpCode::kOut || op.code == OpCode::kReloadCr3;
}

bool IsMeantToFault(const Op& op) { return op.gpa >= (8_GiB_gpa).value; }

// A read of where the memory was before.
bool LooksElsewhere(const Op& op, Gpa place) {
  return op.code == OpCode::kRead &&
         std::any_of(kScenarioPlaces.begin(), kScenarioPlaces.end(), [&](Gpa other) {
           return other != place && op.gpa >= other.value &&
                  op.gpa - other.value < kScenarioSize.count;
         });
}

TEST(Scenario, IsTheSameForTheSameSeed) {
  EXPECT_EQ(WriteScenario(7).ToString(), WriteScenario(7).ToString());
  EXPECT_NE(WriteScenario(7).ToString(), WriteScenario(8).ToString());
  const std::vector<Scenario> few = WriteScenarios(7, 2), more = WriteScenarios(7, 3);
  EXPECT_EQ(few[1].ToString(), more[1].ToString());
  EXPECT_NE(few[0].seed, few[1].seed);
}

TEST(Scenario, StaysWithinItsMemory) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    ForEachOp(WriteScenario(seed), [&](const Op& op, Gpa place, bool) {
      if (NeedsNoMemory(op) || IsMeantToFault(op) || LooksElsewhere(op, place)) return;
      EXPECT_GE(op.gpa, place.value) << seed << ": " << ToString(op);
      EXPECT_LE(op.gpa - place.value + Extent(op), kScenarioSize.count) << ToString(op);
      if (op.code != OpCode::kMove) return;
      EXPECT_GE(op.args[0], place.value) << seed << ": " << ToString(op);
      EXPECT_LE(op.args[0] - place.value + op.size, kScenarioSize.count) << ToString(op);
    });
  }
}

TEST(Scenario, LeavesTheKeptStretchesToPlantsAndTurns) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    ForEachOp(WriteScenario(seed), [&](const Op& op, Gpa place, bool) {
      if (!Writes(op) || IsMeantToFault(op)) return;
      if (op.gpa == (place + kKeptBegin).value) return;  // a turn
      const uint64_t step = op.code == OpCode::kWriteTouch ? kPage.count : 1;
      for (uint64_t at = 0; at < Extent(op); at += step) {
        const uint64_t offset = (op.gpa - place.value + at) % kPage.count;
        ASSERT_TRUE(offset < kKeptBegin.count || offset >= kKeptEnd.count)
            << seed << ": " << ToString(op);
      }
    });
  }
}

TEST(Scenario, AsksOfAHoleOnlyWhatCanBeEmulated) {
  static const std::set<OpCode> kEmulated{OpCode::kRead, OpCode::kWrite, OpCode::kWriteTouch,
                                          OpCode::kMove, OpCode::kIn,    OpCode::kOut};
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    ForEachOp(WriteScenario(seed), [&](const Op& op, Gpa, bool there) {
      EXPECT_TRUE(there || kEmulated.contains(op.code)) << seed << ": " << ToString(op);
    });
  }
}

TEST(Scenario, HasEveryBigEventAndEndsWithTheMemoryInPlace) {
  using Kind = HostAction::Kind;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Scenario scenario = WriteScenario(seed);
    std::multiset<Kind> kinds;
    for (const Episode& episode : scenario.episodes) {
      for (const HostAction& action : episode.before) kinds.insert(action.kind);
    }
    EXPECT_EQ(kinds.count(Kind::kDelete), 2u) << seed;
    EXPECT_EQ(kinds.count(Kind::kCreate), 2u) << seed;
    EXPECT_EQ(kinds.count(Kind::kMove), 2u) << seed;
    EXPECT_GE(kinds.count(Kind::kStartLog), 1u) << seed;
  }
}

TEST(Scenario, OverManySeedsUsesEveryOperationAndAction) {
  std::set<OpCode> ops;
  std::set<HostAction::Kind> actions;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Scenario scenario = WriteScenario(seed);
    ForEachOp(scenario, [&](const Op& op, Gpa, bool) { ops.insert(op.code); });
    for (const Episode& episode : scenario.episodes) {
      for (const HostAction& action : episode.before) actions.insert(action.kind);
    }
  }
  EXPECT_EQ(ops.size(), 18u);
  EXPECT_EQ(actions.size(), 9u);
}

// Functions are executed where they were planted, waits end, and nothing faults that should not.
TEST(Scenario, RunsToItsEnd) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Scenario scenario = WriteScenario(seed);
    const GuestView view = Imagine(scenario);
    std::string text;
    for (const auto& lines : view.episodes) text += TextOf(lines);
    EXPECT_THAT(text, testing::Not(HasSubstr("not run"))) << scenario.ToString();
    std::size_t meant = 0, faults = 0;
    ForEachOp(scenario, [&](const Op& op, Gpa, bool) { meant += IsMeantToFault(op) ? 1 : 0; });
    for (std::size_t at = 0; (at = text.find("-> fault", at)) != std::string::npos; ++at) ++faults;
    EXPECT_EQ(faults, meant) << seed;
  }
}

// --- what shows ----------------------------------------------------------------------------------

// A slip of that kind somewhere in the scenario; nothing if it has no place for one.
using SomeSlip = std::function<std::optional<Slip>(const Scenario&, Random&)>;

// Whether the slot is there while the guest plays each episode.
std::vector<bool> SlotIsThere(const Scenario& scenario) {
  std::vector<bool> there;
  bool now = true;
  for (const Episode& episode : scenario.episodes) {
    for (const HostAction& action : episode.before) {
      if (action.kind == HostAction::Kind::kDelete) now = false;
      if (action.kind == HostAction::Kind::kCreate) now = true;
    }
    there.push_back(now);
  }
  return there;
}

// One in which the guest has memory: what is wrong while it has none may be gone when it looks.
std::size_t SomeEpisode(const Scenario& scenario, Random& random) {
  const std::vector<bool> there = SlotIsThere(scenario);
  for (;;) {
    const std::size_t episode = random.Below(there.size());
    if (there[episode]) return episode;
  }
}
uint64_t SomePage(const Scenario& scenario, Random& random) {
  return scenario.pages[random.Below(scenario.pages.size())];
}

// How many of a hundred slips the comparison notices.
double PercentNoticed(const SomeSlip& some_slip) {
  int slips = 0, noticed = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Scenario scenario = WriteScenario(seed);
    Random random = Random(seed).Fork(1);
    const std::optional<Slip> slip = some_slip(scenario, random);
    if (!slip) continue;
    ++slips;
    noticed += LooksTheSame(Imagine(scenario), Imagine(scenario, *slip)) ? 0 : 1;
  }
  EXPECT_GE(slips, static_cast<int>(kSeeds) / 4);
  return 100.0 * noticed / slips;
}

TEST(WhatScenariosShow, NothingIfNothingIsWrong) {
  EXPECT_EQ(PercentNoticed([](const Scenario&, Random&) { return Slip{}; }), 0);
}

TEST(WhatScenariosShow, AWordThatChanged) {
  EXPECT_GE(PercentNoticed([](const Scenario& scenario, Random& random) {
              return Slip{Slip::Kind::kWrongWord, SomeEpisode(scenario, random),
                          SomePage(scenario, random), random.Below(512)};
            }),
            99);
}

// The guest goes on with a page that the host has dropped or filled anew.
TEST(WhatScenariosShow, AStalePage) {
  const auto some_slip = [](const Scenario& scenario, Random& random) -> std::optional<Slip> {
    const std::size_t episode = SomeEpisode(scenario, random);
    for (const HostAction& action : scenario.episodes[episode].before) {
      if (action.kind == HostAction::Kind::kPaint || action.kind == HostAction::Kind::kDrop) {
        return Slip{Slip::Kind::kStalePage, episode, action.page};
      }
    }
    return std::nullopt;
  };
  EXPECT_GE(PercentNoticed(some_slip), 99);
}

TEST(WhatScenariosShow, APageInThePlaceOfAnother) {
  EXPECT_GE(PercentNoticed([](const Scenario& scenario, Random& random) {
              const uint64_t first = scenario.pages[2 * random.Below(scenario.pages.size() / 2)];
              return Slip{Slip::Kind::kNextPage, SomeEpisode(scenario, random), first};
            }),
            99);
}

TEST(WhatScenariosShow, ASlotThatOutlivesItsDelete) {
  const auto hole = [](const Scenario& scenario, Random&) -> std::optional<Slip> {
    const std::vector<bool> there = SlotIsThere(scenario);
    const auto gone = std::find(there.begin(), there.end(), false);
    return Slip{Slip::Kind::kStaleSlot, static_cast<std::size_t>(gone - there.begin())};
  };
  EXPECT_EQ(PercentNoticed(hole), 100);
}

TEST(WhatScenariosShow, AnAnswerThatDidNotArrive) {
  const auto some_slip = [](const Scenario& scenario, Random& random) -> std::optional<Slip> {
    const Slip slip{Slip::Kind::kWrongAnswer, random.Below(scenario.episodes.size())};
    const std::string text = TextOf(Imagine(scenario).episodes[slip.episode]);
    // An episode need not have an exit that asks for data.
    if (text.find("MMIO read") == std::string::npos) return std::nullopt;
    return slip;
  };
  EXPECT_GE(PercentNoticed(some_slip), 99);
}

// --- how it shows --------------------------------------------------------------------------------

TEST(FirstDifference, NamesOperationAndBothValues) {
  const Scenario scenario = WriteScenario(3);
  const GuestView good = Imagine(scenario);
  const GuestView bad = Imagine(scenario, {Slip::Kind::kWrongWord, 1, scenario.pages[2], 5});
  const std::optional<std::string> text = FirstDifference({"4K", good}, {"2M", bad});
  ASSERT_TRUE(text.has_value());
  EXPECT_THAT(*text, testing::MatchesRegex("episode 1\n(  both: .*\n)*"
                                           "  4K: vCPU [01], op [0-9]+: .* -> ok .*\n"
                                           "  2M: vCPU [01], op [0-9]+: .* -> ok .*\n"));
}

TEST(FirstDifference, NamesTheWordThatIsWrongInTheEnd) {
  GuestView good, bad;
  good.memory[7][3] = 5;
  bad.memory[9][1] = 6;
  EXPECT_EQ(FirstDifference({"one slot", good}, {"two slots", bad}),
            "memory at the end, page 7, offset 0x18\n  one slot: 0x5\n  two slots: 0x0\n");
}

TEST(FirstDifference, LeavesOutHowLongThingsTook) {
  const Op spin = Program().SpinUntil({0x1000}, 1).ops()[0];
  guest::OpResult shorter{.status = guest::OpStatus::kOk, .count = 5, .begin = 7, .end = 9};
  guest::OpResult longer{.status = guest::OpStatus::kOk, .count = 500, .begin = 8, .end = 99};
  EXPECT_EQ(Seen(spin, shorter), Seen(spin, longer));
  const Op touch = Program().Touch({{0x1000}, kPage}).ops()[0];
  EXPECT_NE(Seen(touch, shorter), Seen(touch, longer));
}

}  // namespace
}  // namespace kct
