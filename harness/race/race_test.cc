// SPDX-License-Identifier: GPL-2.0-only
#include "harness/race/race.h"

#include <gmock/gmock.h>

#include <atomic>

#include "harness/race/actor.h"
#include "harness/race/aim.h"

namespace kct {
namespace {

using testing::Ge;
using testing::HasSubstr;
using testing::Lt;

// A call that takes this many ticks.
CallRecord Spin(uint64_t ticks) {
  CallRecord record{.what = "spin"};
  record.begin = StampTsc();
  while (StampTsc() - record.begin < ticks) {
  }
  record.end = StampTsc();
  return record;
}

TEST(Race, MeetsAsOftenAsAsked) {
  Race race(1, {.meetings = 50, .patience = 20s});
  race.Actor("long", [] { return Spin(100'000); });
  race.Actor("short", [] { return Spin(2'000); });
  const Result<History> history = race.Run();
  ASSERT_TRUE(history.ok());
  EXPECT_TRUE(history.value().Met()) << history.value().Summary();
  EXPECT_EQ(history.value().events.size(), 2u * history.value().rounds);
}

TEST(Race, SaysWhenItDidNotMeet) {
  std::atomic<bool> turn{false};
  Race race(1, {.meetings = 5, .patience = 100ms, .most_rounds = 50});
  // The second call begins when the first is over, by construction.
  race.Actor("first", [&] {
    const CallRecord record = Spin(100);
    turn = true;
    return record;
  });
  race.Actor("second", [&] {
    while (!turn) {
    }
    turn = false;
    return Spin(100);
  });
  const Result<History> history = race.Run();
  ASSERT_TRUE(history.ok());
  EXPECT_EQ(history.value().meetings, 0u);
  EXPECT_FALSE(history.value().Met());
}

TEST(Race, EndsWhenTheWorldCannotBeRestored) {
  Race race(1, {});
  race.Actor("a", [] { return Spin(1); });
  race.Actor("b", [] { return Spin(1); });
  race.AfterRound([] { return CallRecord{.what = "restore", .ret = -1, .error = Errno(EEXIST)}; });
  const Result<History> history = race.Run();
  ASSERT_FALSE(history.ok());
  EXPECT_THAT(history.error().message, HasSubstr("restore(0x0, 0x0) -> -1 EEXIST"));
}

TEST(Race, CountsAnswersAndPhases) {
  Race race(1, {.meetings = 10, .patience = 20s});
  race.Actor("long", [] { return Spin(100'000); });
  race.Actor("short", [] {
    CallRecord record = Spin(1'000);
    record.ret = -1;
    record.error = Errno(EAGAIN);
    return record;
  });
  const Result<History> history = race.Run();
  ASSERT_TRUE(history.ok());
  EXPECT_EQ(history.value().AnswersOf("short", "EAGAIN"), history.value().rounds);
  uint32_t phases = 0;
  for (const auto& [name, count] : history.value().phases) phases += count;
  EXPECT_EQ(phases, history.value().meetings);
}

// Two calls of 1000 ticks whose starts lie 50000 ticks apart never meet by themselves.
TEST(Aim, BringsDistantCallsTogether) {
  Aim aim{Random(3)};
  int met = 0;
  for (int round = 0; round < 200; ++round) {
    const Delays delays = aim.Next();
    const auto first_begin = static_cast<uint64_t>(1'000'000 + delays.first);
    const auto second_begin = static_cast<uint64_t>(1'050'000 + delays.second);
    const CallRecord first{.begin = first_begin, .end = first_begin + 1'000};
    const CallRecord second{.begin = second_begin, .end = second_begin + 1'000};
    met += first.Overlaps(second);
    aim.Learn(delays, first, second);
  }
  EXPECT_THAT(met, Ge(150));
}

TEST(Aim, RepeatsFromItsSeed) {
  const CallRecord first{.begin = 100, .end = 200}, second{.begin = 5'000, .end = 5'100};
  Aim one{Random(3)}, same{Random(3)};
  one.Learn({}, first, second);
  same.Learn({}, first, second);
  EXPECT_EQ(one.Next().first, same.Next().first);
}

TEST(RecentMedian, IgnoresAnOutlier) {
  RecentMedian median;
  for (int64_t value : {10, 11, 9, 1'000'000, 10}) median.Add(value);
  EXPECT_THAT(median.value(), Lt(12));
}

TEST(Actor, MakesItsCallsInOrderAndHandsBackTheLast) {
  Actor actor("actor");
  actor.Start([] { return CallRecord{.what = "one", .ret = 1}; });
  EXPECT_EQ(actor.Finish().ret, 1);
  actor.Start([] { return CallRecord{.what = "two", .ret = 2}; });
  EXPECT_EQ(actor.Finish().ret, 2);
  EXPECT_TRUE(actor.Done());
}

TEST(Actor, IsNotDoneWhileItsCallIsUnderWay) {
  std::atomic<bool> go{false};
  Actor actor("actor");
  actor.Start([&] {
    while (!go) {
    }
    return CallRecord{};
  });
  EXPECT_FALSE(actor.Done());
  EXPECT_FALSE(actor.FinishBy(Clock::now() + 20ms).has_value());
  go = true;
  EXPECT_TRUE(actor.FinishBy(Clock::now() + 20s).has_value());
}

}  // namespace
}  // namespace kct
