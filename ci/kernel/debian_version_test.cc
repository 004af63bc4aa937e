// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/debian_version.h"

#include <gtest/gtest.h>

#include <vector>

namespace kct {
namespace {

// Checked against `dpkg --compare-versions`.
TEST(CompareDebianVersions, OrdersAsDpkgDoes) {
  const std::vector<const char*> rising = {
      "6.1.176-1",  "6.1.192-1",      "6.1.192-2", "6.12.99-1",       "6.12.117-1~deb12u1",
      "6.12.117-1", "7.3~rc7-1~exp1", "7.3-1",     "7.3.4-1~bpo13+1", "7.3.4-1",
      "7.3.4-1a",   "7.3.4-1+b1",     "7.3.10-1",  "7.10-1",
  };
  for (size_t i = 0; i < rising.size(); ++i) {
    for (size_t k = 0; k < rising.size(); ++k) {
      EXPECT_EQ(CompareDebianVersions(rising[i], rising[k]), i <=> k)
          << rising[i] << " and " << rising[k];
    }
  }
}

TEST(CompareDebianVersions, IgnoresLeadingZeros) {
  EXPECT_EQ(CompareDebianVersions("7.03-1", "7.3-01"), std::strong_ordering::equal);
}

TEST(UpstreamPart, EndsAtTheLastHyphen) {
  EXPECT_EQ(UpstreamPart("7.3.4-1~bpo13+1"), "7.3.4");
  EXPECT_EQ(UpstreamPart("7.3.4"), "7.3.4");
}

}  // namespace
}  // namespace kct
