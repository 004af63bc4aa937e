// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/can_fail.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(CanFailList, NamesALieForEachTest) {
  const auto list = ParseCanFail("x", "# comment\nA.b  lie-one\n\nA.c lie-two\n");
  ASSERT_TRUE(list.ok());
  EXPECT_THAT(list.value(), ElementsAre(Pair("A.b", "lie-one"), Pair("A.c", "lie-two")));
}

TEST(CanFailList, RefusesBadLinesByFileAndNumber) {
  EXPECT_THAT(ParseCanFail("x", "A.b lie\nA.c\n").error().message, HasSubstr("x:2: expected"));
  EXPECT_THAT(ParseCanFail("x", "A.b lie more\n").error().message, HasSubstr("x:1: expected"));
  EXPECT_THAT(ParseCanFail("x", "A.b lie\nA.b lie\n").error().message,
              HasSubstr("x:2: a second line for A.b"));
}

TEST(CanFailList, IsCompleteWhenEveryTestHasALieAndEveryLieATest) {
  const std::vector<TestCase> tests{{.name = "A.b", .suite = "s"}};
  EXPECT_TRUE(CheckComplete({{"A.b", "lie"}}, tests).ok());
  EXPECT_THAT(CheckComplete({}, tests).error().message, HasSubstr("A.b: no lie"));
  EXPECT_THAT(CheckComplete({{"A.b", "lie"}, {"A.c", "lie"}}, tests).error().message,
              HasSubstr("names A.c, which is no test"));
}

TEST(CanFailList, TakesALineForAllTestsOfItsClaim) {
  const CanFail list{{"A.b", "lie"}};
  EXPECT_EQ(LieFor(list, "A.b"), "lie");
  EXPECT_EQ(LieFor(list, "A.b/thing_4k"), "lie");
  EXPECT_EQ(LieFor(list, "A.bc/thing"), "");
  EXPECT_TRUE(CheckComplete(list, {{.name = "A.b/one", .suite = "s"}, {.name = "A.b/two"}}).ok());
}

}  // namespace
}  // namespace kct
