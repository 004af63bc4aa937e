// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/index.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Clause kShown{"PREFAULT-01", "It is shown", "c",   Standing::kDocumented,
                        "s",           "all: x",      "any", ""};
constexpr Clause kExcused{"MEMSLOT-02", "It is excused", "c",   Standing::kDisputed,
                          "s",          "all: x",        "tdx", "no hardware"};

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

TEST(Index, LeadsBothWays) {
  const Clause clauses[] = {kShown, kExcused};
  const ListedTest tests[] = {TestOf({"PREFAULT-01"})};
  const std::string index = RenderIndex(clauses, tests);
  EXPECT_THAT(index,
              HasSubstr("| [PREFAULT-01](prefault.md) | It is shown | documented | `Suite.Claim` "
                        "|\n"));
  EXPECT_THAT(index, HasSubstr("| [MEMSLOT-02](memslot.md) | It is excused | disputed | not "
                               "tested: no hardware |\n"));
  EXPECT_THAT(index, HasSubstr("| `Suite.Claim` | [tests/prefault/a_test.cc](../../tests/prefault/"
                               "a_test.cc) | PREFAULT-01 |\n"));
}

TEST(Index, DoesNotDependOnTheOrderOfTheLists) {
  const Clause clauses[] = {kShown};
  const ListedTest a{"A.One", "tests/a.cc", {"PREFAULT-01"}};
  const ListedTest b{"B.Two", "tests/b.cc", {"PREFAULT-01"}};
  const ListedTest one_way[] = {a, b};
  const ListedTest other_way[] = {b, a};
  EXPECT_EQ(RenderIndex(clauses, one_way), RenderIndex(clauses, other_way));
  EXPECT_THAT(RenderIndex(clauses, one_way), HasSubstr("| `A.One` `B.Two` |"));
}

}  // namespace
}  // namespace kct
