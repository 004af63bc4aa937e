// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/model_scan.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::string_view kSource =
    "namespace kct::model {\n"
    "constexpr Choice kLoud{.move = Move::kSing, .clause = \"SING-01\"};\n"
    "\n"
    "Choices SongChoices(const Rules& rules, const State& state,\n"
    "                    const Pending& call) {\n"
    "  if (state.late) return One({.clause = \"SING-02\"});\n"
    "  return One({.error = Errno(EIO), .clause = \"SING-03\"});\n"
    "}\n"
    "\n"
    "bool IsSung(const Rules& rules, const State& state) {\n"
    "  return state.sung && !rules.planted.Is(Bug::kSongIsLost) && !rules.planted.Is(Bug::kNone);\n"
    "}\n"
    "\n"
    "class Choir : public Model {\n"
    "  Choice Rest() { return {.clause = \"SING-05\"}; }\n"
    "};\n"
    "\n"
    "Choice Choir::Fail(int error) { return {.clause = \"SING-03\"}; }\n";

TEST(ModelScan, FindsTheDefinitionAroundAnId) {
  const auto parts = ScanModel("model/song.cc", kSource, {{"kSongIsLost", "SING-04"}});
  ASSERT_EQ(parts.size(), 5u);
  EXPECT_EQ(parts[0].name, "kLoud");
  EXPECT_THAT(parts[0].clauses, ElementsAre("SING-01"));
  EXPECT_EQ(parts[1].name, "SongChoices");
  EXPECT_EQ(parts[1].file, "model/song.cc");
  EXPECT_THAT(parts[1].clauses, ElementsAre("SING-02", "SING-03"));
  EXPECT_EQ(parts[2].name, "IsSung");
  EXPECT_THAT(parts[2].clauses, ElementsAre("SING-04"));
  EXPECT_EQ(parts[3].name, "Choir");
  EXPECT_THAT(parts[3].clauses, ElementsAre("SING-05"));
  EXPECT_EQ(parts[4].name, "Choir::Fail");
}

TEST(ModelScan, FindsNothingWhereNoClauseIsNamed) {
  EXPECT_THAT(ScanModel("model/state.cc", "int Add(int a, int b) { return a + b; }\n", {}),
              IsEmpty());
}

TEST(ModelScan, ReadsTheClausesOfBugsFromTheirTable) {
  const auto bugs = ScanBugs(
      "{Bug::kSongIsLost, \"song-is-lost\", \"SING-04\", \"it is lost\"},\n"
      "{Bug::kSongIsLong,\n \"song-is-long\",\n \"SING-05\", \"see Bug::kSongIsLost\"},\n");
  EXPECT_THAT(bugs, ElementsAre(Pair("kSongIsLong", "SING-05"), Pair("kSongIsLost", "SING-04")));
}

}  // namespace
}  // namespace kct
