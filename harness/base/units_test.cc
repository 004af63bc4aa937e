// SPDX-License-Identifier: GPL-2.0-only
#include "harness/base/units.h"

#include <gmock/gmock.h>

#include "harness/base/errno.h"
#include "harness/base/mapping.h"
#include "harness/base/random.h"
#include "harness/base/result.h"
#include "harness/base/verdict.h"

namespace kct {
namespace {

TEST(Units, AddUpInPages) {
  EXPECT_EQ(4_GiB_gpa + Pages(2), Gpa{0x1'0000'2000});
  EXPECT_EQ((GpaRange{Gpa{0x1000}, 8_KiB}).end(), Gpa{0x3000});
  EXPECT_EQ(fmt::format("{} {}", Gpa{0x1000}, 2_MiB), "0x1000 0x200000");
}

TEST(Errno, PrintsItsName) {
  EXPECT_EQ(Errno(EAGAIN).Name(), "EAGAIN");
  EXPECT_EQ(Errno().Name(), "0");
  EXPECT_EQ(Errno(4242).Name(), "errno 4242");
  EXPECT_EQ(Errno(ENOENT).Explain(), "ENOENT (No such file or directory)");
}

Result<int> Half(int number) {
  if (number % 2 != 0) return MakeError("{} is odd", number);
  return number / 2;
}

Result<int> Quarter(int number) {
  KCT_TRY(const int half, Half(number));
  return Half(half);
}

TEST(Result, CarriesAValueOrTheFirstError) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(7).error().message, "7 is odd");
  EXPECT_EQ(Quarter(6).error().message, "3 is odd");
}

TEST(ResultDeathTest, ValueOfAFailureIsOurBug) {
  EXPECT_EXIT((void)Quarter(7).value(), testing::ExitedWithCode(97), "kct bug: .*7 is odd");
}

TEST(Random, RepeatsFromItsSeed) {
  Random first(7), again(7), other(8);
  const uint64_t value = first.Next();
  EXPECT_EQ(value, again.Next());
  EXPECT_NE(value, other.Next());
  EXPECT_NE(Random(7).Fork(1).Next(), Random(7).Fork(2).Next());
}

TEST(Random, StaysBelowItsLimit) {
  Random random(1);
  bool seen[10] = {};
  for (int i = 0; i < 1000; ++i) seen[random.Below(10)] = true;
  EXPECT_THAT(seen, testing::Each(true));
}

TEST(Mapping, IsAlignedZeroedAndGone) {
  ASSERT_TRUE(Mapping::Anonymous(Pages(3)).ok());
  Mapping mapping = Mapping::Anonymous(Pages(3)).value();
  EXPECT_EQ(mapping.hva().value % kHugePage.count, 0u);
  EXPECT_EQ(mapping.At<uint64_t>(Pages(2)), 0u);
}

TEST(Verdict, SurvivesTheExitStatus) {
  for (const VerdictInfo& info : kVerdicts) {
    EXPECT_EQ(VerdictByExitStatus(info.exit_status), info.verdict);
    EXPECT_EQ(VerdictByName(info.name), info.verdict);
  }
  EXPECT_EQ(VerdictByExitStatus(139), Verdict::kLost);
  EXPECT_EQ(Worse(Verdict::kFail, Verdict::kSkip), Verdict::kFail);
}

}  // namespace
}  // namespace kct
