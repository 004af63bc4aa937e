// SPDX-License-Identifier: GPL-2.0-only
// What a run comes to: known failures, exit status, reports.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "ci/kct/exit_status.h"
#include "ci/kct/filter.h"
#include "ci/kct/known_failures.h"
#include "ci/kct/run_report.h"
#include "ci/kct/seeds.h"
#include "ci/kct/selection.h"

namespace kct {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TestResult Result1(Verdict verdict, News news = News::kNew) {
  TestResult result;
  result.assignment.test = {.name = "Prefault.Claims",
                            .suite = "prefault",
                            .kind = "abi",
                            .file = "tests/prefault/a_test.cc",
                            .line = 7,
                            .clauses = {"PREFAULT-36"},
                            .paging = "tdp"};
  result.assignment.run_seed = 0x2a;
  result.verdict = verdict;
  result.news = IsBad(verdict) ? news : News::kExpected;
  if (verdict == Verdict::kFail) {
    result.failures = {
        {"tests/prefault/a_test.cc", 9, {"PREFAULT-36"}, "Expected: EAGAIN\nActual: 0"}};
  }
  if (verdict == Verdict::kHang) result.hangs = {{"PREFAULT-36", "deleter waits", true}};
  return result;
}

Exit ExitOf(const std::vector<Verdict>& verdicts) {
  std::vector<TestResult> results;
  for (const Verdict verdict : verdicts) results.push_back(Result1(verdict));
  return ExitFor(results, Strictness::kLenient);
}

TEST(ExitStatus, IsThatOfTheMostImportantResult) {
  using V = Verdict;
  EXPECT_EQ(ExitOf({V::kPass, V::kSkip}), Exit::kNothingNew);
  EXPECT_EQ(ExitOf({V::kSkip, V::kSkip}), Exit::kNothingShown);
  EXPECT_EQ(ExitOf({}), Exit::kNothingShown);
  EXPECT_EQ(ExitOf({V::kPass, V::kInconclusive, V::kSkip}), Exit::kInconclusive);
  EXPECT_EQ(ExitOf({V::kInconclusive, V::kFail}), Exit::kFindings);
  EXPECT_EQ(ExitOf({V::kPass, V::kLost}), Exit::kFindings);
  EXPECT_EQ(ExitOf({V::kFail, V::kHang}), Exit::kHang);
  EXPECT_EQ(ExitOf({V::kHang, V::kKernelDied}), Exit::kKernelDied);
  EXPECT_EQ(ExitOf({V::kKernelDied, V::kHarnessBug}), Exit::kBug);
}

TEST(ExitStatus, CountsKnownFailuresOnlyWhenStrict) {
  const std::vector<TestResult> known{Result1(Verdict::kHang, News::kKnown)};
  EXPECT_EQ(ExitFor(known, Strictness::kLenient), Exit::kNothingNew);
  EXPECT_EQ(ExitFor(known, Strictness::kStrict), Exit::kHang);
  TestResult pass = Result1(Verdict::kPass);
  pass.news = News::kUnexpectedPass;
  EXPECT_EQ(ExitFor({pass}, Strictness::kLenient), Exit::kNothingNew);
  EXPECT_EQ(ExitFor({pass}, Strictness::kStrict), Exit::kFindings);
}

KnownFailures Known(const std::string& text) {
  Result<KnownFailures> known = KnownFailures::Parse("known.txt", text);
  EXPECT_TRUE(known.ok()) << (known ? "" : known.error().message);
  return known ? std::move(known).value() : KnownFailures();
}

KernelVersion Version(const char* text) { return KernelVersion::Parse(text).value(); }

TEST(KnownFailures, MakeAFailureOfThatClauseKnownOnThatKernelOnly) {
  const KnownFailures known =
      Known("# comment\n\nPREFAULT-36 | 6.11..6.17 | npt | always | a commit\n");
  const TestResult hang = Result1(Verdict::kHang);
  EXPECT_EQ(known.Classify(hang, Version("6.12.117")).news, News::kKnown);
  EXPECT_EQ(known.Classify(hang, Version("6.12.117")).known_reason, "PREFAULT-36: a commit");
  EXPECT_EQ(known.Classify(hang, Version("7.3.4")).news, News::kNew);
  TestResult shadow = hang;
  shadow.assignment.mode = Mode::kShadow;
  EXPECT_EQ(known.Classify(shadow, Version("6.12.117")).news, News::kNew);
}

TEST(KnownFailures, DoNotExcuseAClauseBesideTheKnownOne) {
  const KnownFailures known = Known("PREFAULT-36 | * | * | always | a | b\n");
  TestResult both = Result1(Verdict::kHang);
  both.failures.push_back({"a", 1, {"PREFAULT-01"}, ""});
  EXPECT_EQ(known.Classify(both, Version("7.3")).news, News::kNew);
}

TEST(KnownFailures, DoNotExcuseAKernelLogOrABugOfKct) {
  const KnownFailures known = Known("PREFAULT-36 | * | * | always | a\n");
  TestResult log = Result1(Verdict::kFail);
  log.failures.clear();
  log.complaints = {"WARNING: x"};
  EXPECT_EQ(known.Classify(log, Version("7.3")).news, News::kNew);
  EXPECT_EQ(known.Classify(Result1(Verdict::kHarnessBug), Version("7.3")).news, News::kNew);
}

TEST(KnownFailures, MakeAPassUnexpectedWhereTheFailureIsCertain) {
  const TestResult pass = Result1(Verdict::kPass);
  EXPECT_EQ(Known("PREFAULT-36 | * | * | always | a\n").Classify(pass, Version("7.3")).news,
            News::kUnexpectedPass);
  EXPECT_EQ(Known("PREFAULT-36 | * | * | sometimes | a\n").Classify(pass, Version("7.3")).news,
            News::kExpected);
}

TEST(KnownFailures, NameTheLineThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"PREFAULT-3600 | * | * | always | a", "known.txt:2: no clause PREFAULT-3600"},
      {"PREFAULT-36 | soon | * | always | a", "known.txt:2: "},
      {"PREFAULT-36 | * | ept | always | a", "known.txt:2: mode 'ept'"},
      {"PREFAULT-36 | * | * | often | a", "known.txt:2: 'often'"},
      {"PREFAULT-36 | * | * | always |", "known.txt:2: the reason"},
      {"PREFAULT-36 | * | *", "known.txt:2: expected CLAUSE"}};
  for (const auto& [line, message] : cases) {
    const auto known = KnownFailures::Parse("known.txt", "# head\n" + std::string(line));
    ASSERT_FALSE(known.ok()) << line;
    EXPECT_THAT(known.error().message, AllOf(HasSubstr(message), Not(HasSubstr("\n"))));
  }
}

TEST(Filter, FollowsGoogleTest) {
  const Filter filter = Filter::Parse("Prefault*:Memslot.?oves-*Race*").value();
  EXPECT_TRUE(filter.Matches("PrefaultArguments.Rejects"));
  EXPECT_TRUE(filter.Matches("Memslot.Moves"));
  EXPECT_FALSE(filter.Matches("Memslot.Removes"));
  EXPECT_FALSE(filter.Matches("PrefaultRace.Meets"));
  EXPECT_TRUE(Filter::Parse("-A.*").value().Matches("B.c"));
}

TEST(Filter, ThatIsMalformedIsRefused) {
  for (const char* text : {"", "A::B", "A-B-C", "A b", "A-", ":A", "A;rm"}) {
    EXPECT_FALSE(Filter::Parse(text).ok()) << text;
  }
}

TEST(Seeds, AreReadInBothForms) {
  EXPECT_EQ(ParseSeed("0x2a").value(), 42u);
  EXPECT_EQ(ParseSeed("42").value(), 42u);
  for (const char* bad : {"", "0x", "-1", "4 2", "seed", "99999999999999999999"}) {
    EXPECT_FALSE(ParseSeed(bad).ok()) << bad;
  }
}

std::vector<TestCase> SomeTests() {
  return {{.name = "A.any", .suite = "a", .clauses = {"PREFAULT-01"}, .paging = "any"},
          {.name = "A.tdp", .suite = "a", .clauses = {"PREFAULT-02"}, .paging = "tdp"},
          {.name = "B.shadow", .suite = "b", .clauses = {"MEMSLOT-01"}, .paging = "shadow"}};
}

std::vector<std::string> Runs(const SelectionOptions& options) {
  Result<Selection> selection = Select(SomeTests(), options);
  if (!selection) return {selection.error().message};
  std::vector<std::string> runs;
  for (const Assignment& run : selection->assignments) {
    runs.push_back(fmt::format("{} {}", run.test.name, Name(run.mode)));
  }
  return runs;
}

TEST(Selection, RunsShadowPagingOnlyWhereItMustUnlessAskedFor) {
  EXPECT_THAT(Runs({}), testing::ElementsAre("A.any npt", "A.tdp npt", "B.shadow shadow"));
  EXPECT_THAT(Runs({.modes = {Mode::kShadow}}),
              testing::ElementsAre("A.any shadow", "B.shadow shadow"));
  EXPECT_THAT(Runs({.clause = "PREFAULT-02"}), testing::ElementsAre("A.tdp npt"));
  EXPECT_THAT(Runs({.suites = {"b"}}), testing::ElementsAre("B.shadow shadow"));
}

TEST(Selection, OfAQuickRunSparesWhatTakesLong) {
  std::vector<TestCase> tests = SomeTests();
  tests.push_back({.name = "C.long", .suite = "c", .kind = "long", .paging = "any"});
  std::set<std::string> chosen;
  for (int i = 0; i < 4; ++i) {
    tests.push_back({.name = fmt::format("D.each/{}", i), .suite = "d", .paging = "any"});
  }
  for (const char* race : {"Races.A", "Races.B"}) {
    tests.push_back({.name = race, .suite = "d", .kind = "race", .paging = "any"});
  }
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Selection quick = Select(tests, {.extent = Extent::kQuick, .seed = seed}).value();
    ASSERT_THAT(quick.assignments, testing::SizeIs(4)) << "A.any, A.tdp, one of D.each, of Races";
    EXPECT_THAT(quick.left_out, testing::SizeIs(6));
    chosen.insert(quick.assignments[2].test.name);
  }
  EXPECT_THAT(chosen, testing::SizeIs(4)) << "each has its turn";
  EXPECT_THAT(Select(tests, {.filter = "C.long", .extent = Extent::kQuick}).error().message,
              HasSubstr("--filter C.long with --quick, of 10 tests"));
}

TEST(Selection, ThatMatchesNothingSaysSo) {
  EXPECT_THAT(Runs({.filter = "Z*"}), testing::ElementsAre(HasSubstr("no test matches")));
  EXPECT_THAT(Runs({.suites = {"c"}}),
              testing::ElementsAre("--suite: no suite 'c'; there is a, b"));
  EXPECT_THAT(Runs({.clause = "X-1"}), testing::ElementsAre(HasSubstr("no clause X-1")));
}

TEST(Selection, ARerunWithTheSeedOfARepeatGetsTheSameTestSeed) {
  const Selection all = Select(SomeTests(), {.repeat = 3, .seed = 9}).value();
  for (const Assignment& run : all.assignments) {
    const Selection again =
        Select(SomeTests(), {.filter = run.test.name, .seed = run.run_seed}).value();
    EXPECT_EQ(again.assignments.front().seed, run.seed);
  }
  EXPECT_NE(all.assignments[0].seed, all.assignments[1].seed);
  EXPECT_NE(all.assignments[0].seed, all.assignments[2].seed);
}

RunReport Sample() {
  RunReport report;
  report.facts.kernel_spec = "debian:7.3";
  report.facts.target = "vm";
  report.facts.rerun = "./kct run --kernel debian:7.3";
  report.results = {Result1(Verdict::kFail), Result1(Verdict::kHang, News::kKnown),
                    Result1(Verdict::kSkip), Result1(Verdict::kPass)};
  report.results[1].known_reason = "PREFAULT-36: a commit";
  report.results[2].skip_reason = "no-prefault";
  report.results[2].assignment.test.clauses = {"PREFAULT-01"};
  report.results[3].races = {{.name = "prefault against delete",
                              .rounds = 994,
                              .meetings = 203,
                              .target = 200,
                              .answers = {{"prefault: 0", 9}}},
                             {.name = "delete began in the first page", .anchored = true}};
  return report;
}

TEST(TextReport, TellsAFindingWithClauseOffenderAndRerun) {
  const std::string text = TextReport(Sample(), Colors::kOff);
  EXPECT_THAT(text, HasSubstr("PREFAULT-36 · "));
  EXPECT_THAT(text, HasSubstr("tests/prefault/a_test.cc:9"));
  EXPECT_THAT(text, HasSubstr("Expected: EAGAIN"));
  EXPECT_THAT(text, HasSubstr("./kct run --kernel debian:7.3 --filter Prefault.Claims --mode npt "
                              "--seed 0x2a"));
  EXPECT_THAT(text, HasSubstr("Known failures"));
  EXPECT_THAT(text, HasSubstr("PREFAULT-36: a commit"));
  EXPECT_THAT(text, HasSubstr("1 × no-prefault"));
  EXPECT_THAT(text, HasSubstr("Clauses: 1 of "));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(TextReport(Sample(), Colors::kOn), HasSubstr("\x1b[31mFAIL"));
}

TEST(TextReport, ShowsThatARaceWasOne) {
  RunReport report = Sample();
  report.results = {report.results[3]};
  EXPECT_THAT(TextReport(report, Colors::kOff),
              AllOf(HasSubstr("994 rounds, 203 meetings (200 wanted)"), HasSubstr("prefault: 0 ×9"),
                    HasSubstr("anchored: delete began in the first page")));
}

TEST(JsonReport, IsReadableAndComplete) {
  RunReport report = Sample();
  report.results[0].failures[0].text = "no UTF-8: \xff";
  const auto json = nlohmann::json::parse(JsonReport(report));
  EXPECT_EQ(json.at("exit_status"), 1);
  EXPECT_EQ(json.at("results").size(), 4u);
  EXPECT_EQ(json.at("results")[0].at("news"), "new");
  EXPECT_EQ(json.at("results")[0].at("blamed")[0], "PREFAULT-36");
  EXPECT_EQ(json.at("results")[1].at("news"), "known");
}

TEST(JunitReport, FailsForFindingsOnly) {
  RunReport report = Sample();
  report.results[0].failures[0].text = "a < b & \x01";
  const std::string xml = JunitReport(report);
  EXPECT_THAT(xml, HasSubstr("a &lt; b &amp; ?"));
  EXPECT_EQ(xml.find("<failure"), xml.rfind("<failure"));
  EXPECT_THAT(xml, HasSubstr("tests=\"4\""));
}

}  // namespace
}  // namespace kct
