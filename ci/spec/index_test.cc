// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/index.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Clause kShown{.id = "PREFAULT-01",
                        .title = "It is shown",
                        .standing = Standing::kDocumented,
                        .page = "prefault.md",
                        .doc = "none",
                        .unmodelled = "needs a CPU"};
constexpr Clause kExcused{.id = "MEMSLOT-02",
                          .title = "It is excused",
                          .standing = Standing::kDisputed,
                          .untested = "no hardware",
                          .page = "memslot.md"};

ListedTest TestOf(std::vector<std::string> clauses) {
  return {"Suite.Claim", "tests/prefault/a_test.cc", std::move(clauses)};
}

TEST(TestList, IsReadAsTheProtocolDescribesIt) {
  auto tests = ParseTestList("prefault_test", R"([{"name": "PrefaultArguments.RejectsEveryFlag",
      "suite": "prefault", "kind": "abi", "file": "tests/prefault/arguments_test.cc", "line": 20,
      "clauses": ["PREFAULT-03", "PREFAULT-19"], "paging": "any"}])");
  ASSERT_TRUE(tests) << tests.error().message;
  ASSERT_EQ(tests->size(), 1u);
  EXPECT_EQ(tests->front().name, "PrefaultArguments.RejectsEveryFlag");
  EXPECT_EQ(tests->front().file, "tests/prefault/arguments_test.cc");
  EXPECT_THAT(tests->front().clauses, ElementsAre("PREFAULT-03", "PREFAULT-19"));
}

TEST(TestList, OfNoTestsIsEmpty) {
  auto tests = ParseTestList("x", "[]");
  ASSERT_TRUE(tests);
  EXPECT_THAT(*tests, IsEmpty());
}

struct BadList {
  const char* name;
  const char* json;
  const char* message;
};
void PrintTo(const BadList& list, std::ostream* out) { *out << list.name; }

class TestListThat : public testing::TestWithParam<BadList> {};

TEST_P(TestListThat, IsMalformedIsRefusedInOneLine) {
  const auto tests = ParseTestList("list.json", GetParam().json);
  ASSERT_FALSE(tests);
  EXPECT_EQ(tests.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, TestListThat,
    testing::Values(
        BadList{"Garbage", "usage: prefault_test", "list.json: expected a JSON array of tests"},
        BadList{"Object", "{}", "list.json: expected a JSON array of tests"},
        BadList{"NotAnObject", "[3]", "list.json: entry 0 is not an object"},
        BadList{"NoName", R"([{"file": "f"}])", "list.json: entry 0 has no string 'name'"},
        BadList{"NoFile", R"([{"name": "n", "file": 1}])",
                "list.json: entry 0 has no string 'file'"},
        BadList{"NoClauses", R"([{"name": "n", "file": "f"}])",
                "list.json: entry 0 (n) has no array 'clauses'"},
        BadList{"ClauseIsANumber", R"([{"name": "n", "file": "f", "clauses": [7]}])",
                "list.json: entry 0 (n) has a clause that is not a string: 7"}),
    [](const auto& test) { return test.param.name; });

TEST(Gaps, ThereAreNoneWhereEachClauseIsTestedOrExcused) {
  const Clause clauses[] = {kShown, kExcused};
  const ListedTest tests[] = {TestOf({"PREFAULT-01"})};
  EXPECT_THAT(FindGaps(clauses, tests), IsEmpty());
}

TEST(Gaps, AClauseWithNeitherTestNorExcuseIsOne) {
  const Clause clauses[] = {kShown};
  EXPECT_THAT(FindGaps(clauses, {}),
              ElementsAre("docs/spec/prefault.md: PREFAULT-01 has neither a test nor a field "
                          "Untested"));
}

TEST(Gaps, AClauseWithBothTestAndExcuseIsOne) {
  const Clause clauses[] = {kExcused};
  const ListedTest tests[] = {TestOf({"MEMSLOT-02"})};
  EXPECT_THAT(FindGaps(clauses, tests),
              ElementsAre("docs/spec/memslot.md: MEMSLOT-02 has a field Untested, but Suite.Claim "
                          "tests it"));
}

TEST(Gaps, ATestOfNoClauseOrOfAnUnknownOneIsOne) {
  const ListedTest tests[] = {TestOf({}), TestOf({"PREFAULT-99"})};
  EXPECT_THAT(FindGaps({}, tests),
              ElementsAre("tests/prefault/a_test.cc: Suite.Claim names no clause",
                          "tests/prefault/a_test.cc: Suite.Claim names PREFAULT-99, which is no "
                          "clause"));
}

TEST(ModelGaps, ThereAreNoneWhereAClauseIsEitherDecidedOrExcused) {
  const Clause clauses[] = {kShown, kExcused};
  const ModelPart model[] = {{"Decide", "harness/model/a.cc", {"MEMSLOT-02"}}};
  EXPECT_THAT(FindModelGaps(clauses, model), IsEmpty());
}

TEST(ModelGaps, AClauseThatIsDecidedAndExcusedIsOne) {
  const Clause clauses[] = {kShown, kExcused};
  const ModelPart model[] = {{"Decide", "harness/model/a.cc", {"PREFAULT-01"}}};
  EXPECT_THAT(FindModelGaps(clauses, model),
              ElementsAre("docs/spec/prefault.md: PREFAULT-01 has a field Unmodelled, but Decide "
                          "decides it"));
}

TEST(Omissions, AreAMissingDocAndAClauseThatNothingDecides) {
  const Clause clauses[] = {kShown, kExcused};
  EXPECT_THAT(FindOmissions(clauses, {}),
              ElementsAre("docs/spec/memslot.md: MEMSLOT-02 has no field Doc",
                          "docs/spec/memslot.md: MEMSLOT-02 is decided by no part of the model and "
                          "has no field Unmodelled"));
  const ModelPart model[] = {{"Decide", "harness/model/a.cc", {"MEMSLOT-02"}}};
  EXPECT_THAT(FindOmissions(clauses, model),
              ElementsAre("docs/spec/memslot.md: MEMSLOT-02 has no field Doc"));
}

TEST(ModelGaps, APartThatNamesAnUnknownClauseIsOne) {
  const ModelPart model[] = {{"Decide", "harness/model/a.cc", {"PREFAULT-99"}}};
  EXPECT_THAT(FindModelGaps({}, model),
              ElementsAre("harness/model/a.cc: Decide names PREFAULT-99, which is no clause"));
}

TEST(Index, LeadsBothWays) {
  const Clause clauses[] = {kShown, kExcused};
  const ListedTest tests[] = {TestOf({"PREFAULT-01"})};
  const ModelPart model[] = {{"Decide", "harness/model/a.cc", {"MEMSLOT-02"}}};
  const std::string index = RenderIndex(clauses, tests, model);
  EXPECT_THAT(index,
              HasSubstr("| [PREFAULT-01](prefault.md) | It is shown | documented | `Suite.Claim` "
                        "| not modelled: needs a CPU |\n"));
  EXPECT_THAT(index, HasSubstr("| [MEMSLOT-02](memslot.md) | It is excused | disputed | not "
                               "tested: no hardware | `Decide` |\n"));
  EXPECT_THAT(index, HasSubstr("| `Decide` | [harness/model/a.cc](../../harness/model/a.cc) | "
                               "MEMSLOT-02 |\n"));
  EXPECT_THAT(index, HasSubstr("| `Suite.Claim` | [tests/prefault/a_test.cc](../../tests/prefault/"
                               "a_test.cc) | PREFAULT-01 |\n"));
}

TEST(Index, DoesNotDependOnTheOrderOfTheLists) {
  const Clause clauses[] = {kShown};
  const ListedTest a{"A.One", "tests/a.cc", {"PREFAULT-01"}};
  const ListedTest b{"B.Two", "tests/b.cc", {"PREFAULT-01"}};
  const ListedTest one_way[] = {a, b};
  const ListedTest other_way[] = {b, a};
  EXPECT_EQ(RenderIndex(clauses, one_way, {}), RenderIndex(clauses, other_way, {}));
  EXPECT_THAT(RenderIndex(clauses, one_way, {}), HasSubstr("| `A.One` `B.Two` |"));
}

}  // namespace
}  // namespace kct
