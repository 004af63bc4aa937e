// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/mode_comparison.h"

#include <gmock/gmock.h>

#include "ci/kct/run_report.h"
#include "ci/kct/selection.h"

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TestResult Pass(Mode mode, std::vector<ReportedView> views) {
  TestResult result;
  result.assignment.test = {.name = "Paging.DoesNotShow",
                            .file = "tests/metamorphic/paging_test.cc",
                            .line = 7,
                            .clauses = {"META-07"},
                            .paging = "both"};
  result.assignment.mode = mode;
  result.verdict = Verdict::kPass;
  result.views = std::move(views);
  return result;
}

const std::vector<ReportedView> kViews{{"first", "a\nb\n"}, {"second", "c\n"}};

TestResult JudgeBoth(TestResult npt, TestResult shadow) {
  ModeComparison comparison;
  comparison.Judge(std::move(npt));
  return comparison.Judge(std::move(shadow));
}

TEST(ModeComparison, LetsTheSameViewsPass) {
  EXPECT_EQ(JudgeBoth(Pass(Mode::kNpt, kViews), Pass(Mode::kShadow, kViews)).verdict,
            Verdict::kPass);
}

TEST(ModeComparison, FailsAtTheFirstDifferenceAndShowsBoth) {
  const TestResult result = JudgeBoth(
      Pass(Mode::kNpt, kViews), Pass(Mode::kShadow, {{"first", "a\nx\n"}, {"second", "y\n"}}));
  EXPECT_EQ(result.verdict, Verdict::kFail);
  EXPECT_EQ(result.failures.at(0).text,
            "The guest can tell npt from shadow: first\n  both: a\n  npt: b\n  shadow: x\n");
  EXPECT_THAT(Blamed(result), ElementsAre("META-07"));
}

TEST(ModeComparison, FailsWhereOneSawMore) {
  const TestResult result =
      JudgeBoth(Pass(Mode::kNpt, kViews), Pass(Mode::kShadow, {kViews.front()}));
  EXPECT_EQ(result.verdict, Verdict::kFail);
  EXPECT_THAT(result.failures.at(0).text, HasSubstr("npt: second\n  shadow: (nothing more)"));
  const TestResult longer =
      JudgeBoth(Pass(Mode::kNpt, {{"first", "a\n"}}), Pass(Mode::kShadow, {{"first", "a\nb\n"}}));
  EXPECT_THAT(longer.failures.at(0).text, HasSubstr("npt: (nothing more)\n  shadow: b"));
}

// Not before both modes had their turn is anything shown.
TEST(ModeComparison, LetsNoPassStandWhoseOtherModeNeverCame) {
  ModeComparison comparison;
  std::vector<TestResult> results{comparison.Judge(Pass(Mode::kNpt, kViews))};
  EXPECT_EQ(results[0].verdict, Verdict::kPass);
  comparison.Close(results);
  EXPECT_EQ(results[0].verdict, Verdict::kInconclusive);

  ModeComparison complete;
  results = {complete.Judge(Pass(Mode::kNpt, kViews)), complete.Judge(Pass(Mode::kShadow, kViews))};
  complete.Close(results);
  EXPECT_EQ(results[0].verdict, Verdict::kPass);
}

TEST(ModeComparison, HasShownNothingWithoutSomethingToCompare) {
  TestResult failed = Pass(Mode::kNpt, kViews);
  failed.verdict = Verdict::kFail;
  EXPECT_EQ(JudgeBoth(failed, Pass(Mode::kShadow, kViews)).verdict, Verdict::kInconclusive);
  EXPECT_EQ(JudgeBoth(Pass(Mode::kNpt, {}), Pass(Mode::kShadow, {})).verdict,
            Verdict::kInconclusive);
}

TEST(ModeComparison, LeavesWorseVerdictsAndOtherTestsAlone) {
  TestResult failed = Pass(Mode::kShadow, {});
  failed.verdict = Verdict::kFail;
  EXPECT_EQ(JudgeBoth(Pass(Mode::kNpt, kViews), failed).verdict, Verdict::kFail);
  TestResult other = Pass(Mode::kShadow, {});
  other.assignment.test.paging = "any";
  EXPECT_EQ(JudgeBoth(Pass(Mode::kNpt, kViews), other).verdict, Verdict::kPass);
}

TEST(ModeComparison, KeepsRepeatsApart) {
  ModeComparison comparison;
  TestResult second = Pass(Mode::kNpt, {{"first", "of another seed\n"}});
  second.assignment.repeat = 1;
  comparison.Judge(Pass(Mode::kNpt, kViews));
  comparison.Judge(second);
  EXPECT_EQ(comparison.Judge(Pass(Mode::kShadow, kViews)).verdict, Verdict::kPass);
}

std::vector<Mode> ModesOf(std::vector<Mode> chosen) {
  const std::vector<TestCase> tests{{.name = "A.both", .suite = "a", .paging = "both"},
                                    {.name = "A.any", .suite = "a", .paging = "any"}};
  const Selection selection = Select(tests, {.modes = std::move(chosen)}).value();
  std::vector<Mode> modes;
  for (const Assignment& assignment : selection.assignments) {
    if (assignment.test.name == "A.both") modes.push_back(assignment.mode);
  }
  return modes;
}

// In one mode alone such a test would pass without having compared anything.
TEST(Selection, TakesATestOfBothModesInBothOrNot) {
  EXPECT_THAT(ModesOf({}), ElementsAre(Mode::kNpt, Mode::kShadow));
  EXPECT_THAT(ModesOf({Mode::kNpt, Mode::kShadow}), ElementsAre(Mode::kNpt, Mode::kShadow));
  EXPECT_THAT(ModesOf({Mode::kShadow}), ElementsAre());
  EXPECT_THAT(ModesOf({Mode::kHost}), ElementsAre());
}

TEST(RerunLine, OfATestOfBothModesRunsBoth) {
  EXPECT_THAT(RerunLine({}, Pass(Mode::kShadow, {}).assignment), testing::Not(HasSubstr("--mode")));
}

}  // namespace
}  // namespace kct
