// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/answers.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Clause kClauses[] = {
    {.id = "SING-01",
     .standing = Standing::kDocumented,
     .kernels = "6.11..6.17: hangs | spins; 6.18..: as claimed",
     .needs = "any",
     .page = "song.md",
     .answer = "KVM_SING EINVAL when it is short; 0 | EAGAIN when it is long"},
    {.id = "SING-02",
     .standing = Standing::kDisputed,
     .kernels = "all: as claimed",
     .needs = "tdp, sev-es | tdx",
     .page = "song.md",
     .answer = "KVM_SING* EIO when it is secret"},
    {.id = "SING-03", .kernels = "all: as claimed", .needs = "any", .page = "song.md"},
};

std::vector<std::string> Ids(const AnswerQuery& query) {
  std::vector<std::string> ids;
  for (const FoundAnswer& found : FindAnswers(kClauses, query)) {
    ids.push_back(fmt::format("{} {}", found.clause->id, fmt::join(found.answer.outcomes, "|")));
  }
  return ids;
}

TEST(Answers, AreThoseOfTheCall) {
  EXPECT_THAT(Ids({.call = "KVM_SING"}),
              ElementsAre("SING-01 EINVAL", "SING-01 0|EAGAIN", "SING-02 EIO"));
  EXPECT_THAT(Ids({.call = "KVM_HUM"}), IsEmpty());
}

TEST(Answers, OfACallWithAStarAreThoseOfItsLaterVersions) {
  EXPECT_THAT(Ids({.call = "KVM_SING2"}), ElementsAre("SING-02 EIO"));
  EXPECT_THAT(Ids({.call = "KVM_SING*"}), ElementsAre("SING-02 EIO"));
  EXPECT_THAT(Ids({.call = "KVM_SINGER"}), IsEmpty());
}

// A kernel before all ranges of a clause is one that it says nothing of.
TEST(Answers, SayWhatAKernelDoesInstead) {
  const auto on = [](const char* version) {
    return FindAnswers(kClauses,
                       {.call = "KVM_SING", .kernel = KernelVersion::Parse(version).value()});
  };
  ASSERT_EQ(on("6.12.117").size(), 3u);
  EXPECT_EQ(on("6.12.117").front().kernel, "hangs | spins");
  ASSERT_EQ(on("7.3").size(), 3u);
  EXPECT_EQ(on("7.3").front().kernel, "");
  ASSERT_EQ(on("6.1").size(), 1u);
  EXPECT_EQ(on("6.1").front().clause->id, "SING-02");
}

TEST(Answers, LeaveOutClausesOfOtherVmTypes) {
  EXPECT_THAT(Ids({.call = "KVM_SING", .vm = "default"}),
              ElementsAre("SING-01 EINVAL", "SING-01 0|EAGAIN"));
  EXPECT_THAT(Ids({.call = "KVM_SING2", .vm = "tdx"}), ElementsAre("SING-02 EIO"));
  EXPECT_THAT(Ids({.call = "KVM_SING2", .vm = "snp"}), ElementsAre("SING-02 EIO"));
  EXPECT_THAT(Ids({.call = "KVM_SING2", .vm = "sev"}), IsEmpty());
}

TEST(Answers, APageHasATableForEachCall) {
  const std::string page = RenderAnswers(kClauses);
  EXPECT_THAT(page, HasSubstr("\n## KVM_SING\n\n| answer |"));
  EXPECT_THAT(page, HasSubstr("| 0 or EAGAIN | it is long | [SING-01](song.md) | documented | "
                              "6.11..6.17: hangs \\| spins; 6.18.. | any |\n"));
  EXPECT_THAT(page, HasSubstr("\n## KVM_SING*\n"));
  EXPECT_THAT(page, HasSubstr("| EIO | it is secret | [SING-02](song.md) | disputed | all | tdp, "
                              "sev-es \\| tdx |\n"));
}

}  // namespace
}  // namespace kct
