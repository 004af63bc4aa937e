// SPDX-License-Identifier: GPL-2.0-only
#include "harness/base/tape.h"

#include <gmock/gmock.h>

#include <thread>

#include "harness/base/mapping.h"

namespace kct {
namespace {

using testing::SizeIs;

// What threads of their own do is there after they have ended, under their names.
TEST(Tape, KeepsTheThreadsApart) {
  StartTape();
  NameOnTape("main");
  PutOnTape(TapeKind::kSignal, 1);
  std::thread([] {
    NameOnTape("other");
    PutOnTape(TapeKind::kSignal, 2);
    PutOnTape(TapeKind::kSignal, 3);
  }).join();

  const TapeContents tape = ReadTape();

  ASSERT_THAT(tape.threads, SizeIs(2));
  EXPECT_EQ(tape.threads[0].name, "main");
  EXPECT_THAT(tape.threads[0].events, SizeIs(1));
  EXPECT_EQ(tape.threads[1].name, "other");
  ASSERT_THAT(tape.threads[1].events, SizeIs(2));
  EXPECT_EQ(tape.threads[1].events[1].before[0], 3u);
  EXPECT_LE(tape.threads[1].events[0].end, tape.threads[1].events[1].begin);
}

// An event that has begun is there without an end, also once the tape has stopped.
TEST(Tape, ShowsWhatIsUnderWay) {
  StartTape();
  OnTape under_way(TapeKind::kDrop);
  under_way.Begin();
  StopTape();
  under_way.End();
  PutOnTape(TapeKind::kSignal, 1);

  const TapeContents tape = ReadTape();

  ASSERT_THAT(tape.threads, SizeIs(1));
  ASSERT_THAT(tape.threads[0].events, SizeIs(1));
  EXPECT_FALSE(tape.threads[0].events[0].returned);
  EXPECT_LT(tape.threads[0].events[0].begin, tape.ends_at);
  EXPECT_FALSE(tape.full);
}

// A full tape ends with what is on it.
TEST(Tape, EndsWhereItIsFull) {
  StartTape();
  for (std::size_t i = 0; i <= kMostTapeEvents; ++i) PutOnTape(TapeKind::kSignal, i);

  const TapeContents tape = ReadTape();

  EXPECT_THAT(tape.threads[0].events, SizeIs(kMostTapeEvents));
  EXPECT_TRUE(tape.full);
}

// What was written before a new start is forgotten.
TEST(Tape, ForgetsAtTheStart) {
  StartTape();
  PutOnTape(TapeKind::kSignal, 1);
  StartTape();
  EXPECT_THAT(ReadTape().threads, SizeIs(0));
}

// A word of a mapping is on the tape with what is stored; other ways to its memory are, once.
TEST(Tape, KnowsTheStoresOfMappings) {
  StartTape();
  const Result<Mapping> mapping = Mapping::Anonymous(kPage);
  ASSERT_TRUE(mapping.ok());
  mapping.value().Word({8}) = 7;
  EXPECT_EQ(mapping.value().Word({8}), 7u);
  EXPECT_EQ(mapping.value().At<uint64_t>({8}), 7u);
  EXPECT_EQ(mapping.value().At<uint64_t>({0}), 0u);

  const TapeContents tape = ReadTape();

  ASSERT_THAT(tape.threads, SizeIs(1));
  const std::vector<TapeEvent>& events = tape.threads[0].events;
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].kind, TapeKind::kStore);
  EXPECT_EQ(events[0].before[0], mapping.value().hva().value + 8);
  EXPECT_EQ(events[0].before[1], 7u);
  EXPECT_EQ(events[1].kind, TapeKind::kMemoryLent);
}

}  // namespace
}  // namespace kct
