// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/history_judge.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A slot that stands, and a prefault in it that answers `answer`.
TestResult WithAnswer(Verdict verdict, const std::string& answer) {
  TestResult result;
  result.verdict = verdict;
  result.history =
      "kct-history 1\ntest A.b\nkernel 7.3\nseed 0x1\nvm\nrules tdp prefault\nlane main\n"
      "@0..10 main SET_USER_MEMORY_REGION slot=0x1 gpa=0x100000000 size=0x2000 "
      "hva=0x7f0000000000 -> 0\n"
      "@20..30 main PRE_FAULT_MEMORY vcpu=0x0 gpa=0x100000000 size=0x2000 -> " +
      answer + "\n";
  return result;
}

// A history that the model explains changes nothing but a count.
TEST(HistoryJudge, CountsWhatIsExplained) {
  const TestResult result = WithItsHistoriesJudged(WithAnswer(Verdict::kPass, "0"));
  EXPECT_EQ(result.verdict, Verdict::kPass);
  EXPECT_EQ(result.histories.explained, 1u);
  EXPECT_THAT(result.notes, IsEmpty());
}

// A contradiction fails a test that saw nothing, and blames the clause.
TEST(HistoryJudge, FailsATestThatSawNothing) {
  const TestResult result = WithItsHistoriesJudged(WithAnswer(Verdict::kPass, "ENOENT"));
  EXPECT_EQ(result.verdict, Verdict::kFail);
  EXPECT_THAT(Blamed(result), ElementsAre("PREFAULT-18"));
  ASSERT_THAT(result.failures, SizeIs(1));
  EXPECT_THAT(result.failures[0].text, HasSubstr("PRE_FAULT_MEMORY"));
}

// A test that has failed by itself keeps its own reasons.
TEST(HistoryJudge, LeavesTheReasonsOfABadTest) {
  const TestResult result = WithItsHistoriesJudged(WithAnswer(Verdict::kHang, "ENOENT"));
  EXPECT_EQ(result.verdict, Verdict::kHang);
  EXPECT_THAT(result.failures, IsEmpty());
  EXPECT_EQ(result.histories.contradicted, 1u);
  EXPECT_THAT(result.histories.contradictions, SizeIs(1));
}

// A test without a VM has no history; one that can't be read is told of.
TEST(HistoryJudge, TellsWhatItCanNotRead) {
  EXPECT_THAT(WithItsHistoriesJudged({}).notes, IsEmpty());
  TestResult broken;
  broken.history = "kct-history 99\n";
  EXPECT_THAT(WithItsHistoriesJudged(broken).notes, ElementsAre(HasSubstr("history.txt:1")));
}

}  // namespace
}  // namespace kct
