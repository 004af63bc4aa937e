// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kct {
namespace {

using testing::HasSubstr;

KernelVersion Version(std::string_view text) { return KernelVersion::Parse(text).value(); }

TEST(KernelVersion, ReadsWhatUnameSays) {
  EXPECT_EQ(Version("7.3.4+deb13-cloud-amd64").Text(), "7.3.4");
  EXPECT_EQ(Version("6.1.0-56-cloud-amd64").Text(), "6.1");
  EXPECT_EQ(Version("7.3.0-rc4").Text(), "7.3-rc4");
  EXPECT_EQ(Version("7.3-rc4-00012-gabcdef").Text(), "7.3-rc4");
}

TEST(KernelVersion, ReadsDebianPackageVersions) {
  EXPECT_EQ(Version("6.12.117-1~deb12u1").Text(), "6.12.117");
  EXPECT_EQ(Version("7.3~rc7-1~exp1").Text(), "7.3-rc7");
}

TEST(KernelVersion, OrdersCandidatesBeforeTheirRelease) {
  EXPECT_LT(Version("7.2.12"), Version("7.3-rc1"));
  EXPECT_LT(Version("7.3-rc1"), Version("7.3-rc10"));
  EXPECT_LT(Version("7.3-rc10"), Version("7.3"));
  EXPECT_LT(Version("7.3"), Version("7.3.1"));
  EXPECT_LT(Version("6.9"), Version("6.12"));
}

TEST(KernelVersion, RejectsWhatIsNoVersionAndSaysWhatIsExpected) {
  for (const char* text : {"", "7", "linux", "7.", "7.3x", "7.3-rc", "-7.3", "99999999999.1"}) {
    const auto version = KernelVersion::Parse(text);
    ASSERT_FALSE(version) << text;
    EXPECT_THAT(version.error().message, HasSubstr("expected one such as")) << text;
  }
}

struct Membership {
  const char* range;
  const char* version;
  enum { kInside, kOutside } expected;
};

class KernelRangeMembership : public testing::TestWithParam<Membership> {};

// A range holds its ends at the precision they are written with.
TEST_P(KernelRangeMembership, IsAsWritten) {
  const auto range = KernelRange::Parse(GetParam().range);
  ASSERT_TRUE(range) << range.error().message;
  EXPECT_EQ(range.value().Contains(Version(GetParam().version)),
            GetParam().expected == Membership::kInside)
      << GetParam().version << " in " << GetParam().range;
}

INSTANTIATE_TEST_SUITE_P(
    Table, KernelRangeMembership,
    testing::Values(Membership{"6.11..6.17", "6.17.13", Membership::kInside},
                    Membership{"6.11..6.17", "6.11", Membership::kInside},
                    Membership{"6.11..6.17", "6.10.14", Membership::kOutside},
                    Membership{"6.11..6.17", "6.18", Membership::kOutside},
                    Membership{"6.11..6.17", "6.18-rc1", Membership::kOutside},
                    Membership{"6.12.100..6.12", "6.12.99", Membership::kOutside},
                    Membership{"6.12.100..6.12", "6.12.117", Membership::kInside},
                    Membership{"6.12.100..6.12", "6.13", Membership::kOutside},
                    Membership{"6.12.100..6.12.116", "6.12.117", Membership::kOutside},
                    Membership{"7.3..", "7.3-rc4", Membership::kInside},
                    Membership{"7.3..", "8.0", Membership::kInside},
                    Membership{"7.3..", "7.2.13", Membership::kOutside},
                    Membership{"7.3-rc4..", "7.3-rc3", Membership::kOutside},
                    Membership{"7.3-rc4..", "7.3", Membership::kInside},
                    Membership{"..7.3-rc4", "7.3-rc5", Membership::kOutside},
                    Membership{"..6.17", "2.6.39", Membership::kInside},
                    Membership{"..6.17", "7.0", Membership::kOutside},
                    Membership{"7.2", "7.2.12", Membership::kInside},
                    Membership{"7.2", "7.3", Membership::kOutside},
                    Membership{"6", "6.19.14", Membership::kInside},
                    Membership{"*", "1.0", Membership::kInside}));

TEST(KernelRange, RejectsBadTextInOneLine) {
  for (const char* text :
       {"", "..", "6.12...6.13", "a..b", "6.13..6.12", "6.12 ", "6.12.5..6.12.4"}) {
    EXPECT_FALSE(KernelRange::Parse(text)) << text;
  }
  EXPECT_THAT(KernelRange::Parse("6.13..6.12").error().message, HasSubstr("is empty"));
}

TEST(KernelRange, KeepsItsText) {
  EXPECT_EQ(KernelRange::Parse("6.11..6.17").value().Text(), "6.11..6.17");
}

}  // namespace
}  // namespace kct
