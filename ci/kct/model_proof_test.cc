// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/model_proof.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<PlantedBug> kOneBug{{"loses-x", "AREA-01", "x is lost"}};

Trial Passes(std::string bug = "") {
  return {.bug = std::move(bug), .test = "A.b", .verdict = Verdict::kPass};
}
Trial Fails(std::string bug, std::string clause) {
  return {.bug = std::move(bug), .test = "A.b", .verdict = Verdict::kFail, .blamed = {clause}};
}

TEST(PlantedBugs, AreReadALineEach) {
  auto bugs = ParseBugs("x", "loses-x   AREA-01  x is lost\n");
  ASSERT_TRUE(bugs.ok());
  ASSERT_EQ(bugs->size(), 1u);
  EXPECT_EQ(bugs->front().name, "loses-x");
  EXPECT_EQ(bugs->front().clause, "AREA-01");
  EXPECT_EQ(bugs->front().description, "x is lost");
}

TEST(PlantedBugs, ThatSayTooLittleAreRefused) {
  EXPECT_THAT(ParseBugs("x", "loses-x AREA-01\n").error().message,
              HasSubstr("x --list-bugs: 'loses-x AREA-01': expected NAME CLAUSE DESCRIPTION"));
}

TEST(TrialOfATest, IsWhatItsEventsSay) {
  const Trial trial = ReadTrial(
      "noise\n{\"event\":\"failure\",\"clauses\":[\"AREA-01\"]}\n"
      "{\"event\":\"hang\",\"clause\":\"AREA-02\"}\n{\"event\":\"end\",\"verdict\":\"hang\"}\n",
      0);
  EXPECT_EQ(trial.verdict, Verdict::kHang);
  EXPECT_THAT(trial.blamed, ElementsAre("AREA-01", "AREA-02"));
}

TEST(TrialOfATest, WithoutEventsIsItsExitStatus) {
  EXPECT_EQ(ReadTrial("", 97).verdict, Verdict::kHarnessBug);
  EXPECT_EQ(ReadTrial("", 139).verdict, Verdict::kLost);
}

TEST(Proof, IsWholeWhenTheBugIsBlamedOnItsClause) {
  EXPECT_THAT(FindGaps(kOneBug, {Passes(), Fails("loses-x", "AREA-01")}), IsEmpty());
}

TEST(Proof, LacksABugThatNothingNotices) {
  EXPECT_THAT(FindGaps(kOneBug, {Passes(), Passes("loses-x")}),
              ElementsAre(HasSubstr("A.b: no planted bug"),
                          "loses-x: nothing blames AREA-01 for it: A.b pass"));
}

TEST(Proof, LacksABugThatIsBlamedOnAnotherClause) {
  EXPECT_THAT(FindGaps(kOneBug, {Passes(), Fails("loses-x", "AREA-02")}),
              ElementsAre("loses-x: nothing blames AREA-01 for it: A.b fail"));
}

TEST(Proof, LacksABugThatOnlyCrashesTheTest) {
  Trial crash = Passes("loses-x");
  crash.verdict = Verdict::kLost;
  EXPECT_THAT(FindGaps(kOneBug, {Passes(), crash}),
              testing::Contains("loses-x: nothing blames AREA-01 for it: A.b lost"));
}

TEST(Proof, LacksATestThatFailsWithoutABug) {
  EXPECT_THAT(FindGaps(kOneBug, {Fails("", "AREA-01"), Fails("loses-x", "AREA-01")}),
              ElementsAre("A.b: fail on the model as it is"));
}

TEST(Proof, AsksNothingOfSkippedTestsButNamesThem) {
  const Trial skipped{.test = "A.c", .verdict = Verdict::kSkip, .skip_reason = "no-cpu"};
  const std::vector<Trial> trials{Passes(), skipped, Fails("loses-x", "AREA-01")};
  EXPECT_THAT(FindGaps(kOneBug, trials), IsEmpty());
  EXPECT_THAT(ProofReport(kOneBug, trials),
              testing::AllOf(HasSubstr("loses-x"), HasSubstr("    fail A.b\n"),
                             HasSubstr("Skipped on the model: no-cpu\n    A.c\n")));
}

}  // namespace
}  // namespace kct
