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

// The core is one: with its answers free there is an explanation, with all others free there is
// none.
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

}  // namespace
}  // namespace kct
