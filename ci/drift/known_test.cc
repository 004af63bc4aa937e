// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/known.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::IsEmpty;

constexpr std::string_view kFile =
    "# What was looked at.\n"
    "\n"
    "KVM_SING | EAGAIN in kvm_sing, kvm_hum | the table lacks it\n";

// A function more is news, even where the rest is known.
TEST(KnownDrift, IsASubjectAndHowItsFindingBegins) {
  auto known = ParseKnownDrift("known.txt", kFile);
  ASSERT_TRUE(known) << known.error().message;
  ASSERT_EQ(known->size(), 1u);
  const KnownDrift* found =
      FindKnown(*known, {"KVM_SING", "EAGAIN in kvm_sing, kvm_hum is not in the table"});
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->reason, "the table lacks it");
  EXPECT_NE(FindKnown(*known, {"KVM_SING", "EAGAIN in kvm_sing, kvm_hum"}), nullptr);
  EXPECT_EQ(FindKnown(*known, {"KVM_HUM", "EAGAIN in kvm_sing, kvm_hum"}), nullptr);
  EXPECT_EQ(FindKnown(*known, {"KVM_SING", "EAGAIN in kvm_sing, kvm_hum, kvm_clap is not"}),
            nullptr);
}

TEST(KnownDrift, MayBeNone) {
  EXPECT_THAT(ParseKnownDrift("known.txt", "# nothing\n").value(), IsEmpty());
}

TEST(KnownDrift, OfAnotherFormIsNamedByItsLine) {
  for (const char* line : {"KVM_SING | EAGAIN", "KVM_SING | | reason", "KVM_SING | EAGAIN | a | b",
                           "| EAGAIN | reason", "KVM_SING"}) {
    const auto known = ParseKnownDrift("known.txt", std::string("\n") + line + "\n");
    ASSERT_FALSE(known) << line;
    EXPECT_EQ(known.error().message,
              "known.txt:2: expected SUBJECT | HOW THE FINDING BEGINS | REASON");
  }
}

}  // namespace
}  // namespace kct
