// SPDX-License-Identifier: GPL-2.0-only
// The judge against the model that makes recordings, and against the slow judge.
#include <gmock/gmock.h>

#include "harness/history/random_recording.h"
#include "harness/judge/brute_force.h"

namespace kct {
namespace {

constexpr uint64_t kSeeds = 3000;
constexpr uint64_t kMostSteps = 10'000;

// What the model did has an explanation: also in long recordings, and with many actors.
TEST(JudgeProperty, ExplainsEveryRunOfTheModel) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const RandomRecordingOptions options{.actors = static_cast<uint32_t>(2 + seed % 7),
                                         .calls = static_cast<uint32_t>(5 + seed % 60),
                                         .overlap_percent = static_cast<uint32_t>(seed % 100)};
    const Judgement judgement = Judge(RandomRecording(Random(seed), options), {});
    ASSERT_EQ(judgement.answer, Answer::kExplained) << "seed " << seed << ": " << judgement.why;
  }
}

// After one answer was changed both judges say the same, for and against it.
TEST(JudgeProperty, AgreesWithBruteForce) {
  int explained = 0, contradicted = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Recording recording = RandomRecording(
        Random(seed),
        {.actors = 3, .calls = 4, .overlap_percent = static_cast<uint32_t>(seed % 90)});
    Falsify(recording, Random(seed).Fork(1));
    const Answer slow = JudgeByBruteForce(recording, kMostSteps);
    if (slow == Answer::kGaveUp) continue;
    ASSERT_EQ(Judge(recording, {}).answer, slow) << "seed " << seed;
    ++(slow == Answer::kExplained ? explained : contradicted);
  }
  EXPECT_GT(explained, 100);
  EXPECT_GT(contradicted, 100);
}

// In recordings too long for brute force: what the judge leaves out of its search changes nothing.
TEST(JudgeProperty, AgreesWithItselfWithoutShortCuts) {
  int explained = 0, contradicted = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Recording recording =
        RandomRecording(Random(seed), {.actors = static_cast<uint32_t>(3 + seed % 4),
                                       .calls = 16,
                                       .overlap_percent = static_cast<uint32_t>(seed % 90)});
    Falsify(recording, Random(seed).Fork(2));
    const Answer whole =
        Judge(recording, {.configurations = 20'000, .remember_failures = false, .partition = false})
            .answer;
    if (whole == Answer::kGaveUp) continue;
    ASSERT_EQ(Judge(recording, {}).answer, whole) << "seed " << seed;
    ++(whole == Answer::kExplained ? explained : contradicted);
  }
  EXPECT_GT(explained, 50);
  EXPECT_GT(contradicted, 50);
}

// A core is not empty, and each of its calls comes with the clauses that its answer breaks.
TEST(JudgeProperty, GivesCoresThatAreMinimal) {
  int cores = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Recording recording =
        RandomRecording(Random(seed), {.actors = 3, .calls = 8, .overlap_percent = 50});
    Falsify(recording, Random(seed).Fork(1));
    const Judgement judgement = Judge(recording, {});
    if (judgement.answer != Answer::kContradicted) continue;
    ++cores;
    ASSERT_FALSE(judgement.core.empty()) << "seed " << seed;
    for (const CoreCall& call : judgement.core) {
      EXPECT_FALSE(call.clauses.empty()) << "seed " << seed << ", call " << call.call;
    }
  }
  EXPECT_GT(cores, 50);
}

constexpr uint64_t kMostBytes = uint64_t{1} << 30;

// 5,000 calls of 8 actors, with a wrong answer or without, have an answer in less than 1 GiB, the
// core of a contradiction included.
TEST(JudgeProperty, AnswersLongRecordingsInBoundedMemory) {
  int contradicted = 0;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Recording recording =
        RandomRecording(Random(seed), {.actors = 8, .calls = 5000, .overlap_percent = 30});
    if (seed > 0) Falsify(recording, Random(seed).Fork(1));
    const Judgement judgement = Judge(recording, {});
    EXPECT_NE(judgement.answer, Answer::kGaveUp) << "seed " << seed << ": " << judgement.why;
    EXPECT_LT(judgement.most_bytes, kMostBytes) << "seed " << seed;
    if (judgement.answer != Answer::kContradicted) continue;
    ++contradicted;
    EXPECT_LE(judgement.core.size(), 3u) << "seed " << seed;
  }
  EXPECT_GE(contradicted, 2);
}

// Where more calls overlap than it can sort out the judge gives up, also within its bounds.
TEST(JudgeProperty, GivesUpInBoundedMemory) {
  Recording recording =
      RandomRecording(Random(3), {.actors = 8, .calls = 5000, .overlap_percent = 90});
  Falsify(recording, Random(3).Fork(1));
  const Judgement judgement = Judge(recording, {.configurations = 300'000});
  EXPECT_EQ(judgement.answer, Answer::kGaveUp);
  EXPECT_EQ(judgement.why, "too many possible orders");
  EXPECT_LT(judgement.most_bytes, kMostBytes);
}

}  // namespace
}  // namespace kct
