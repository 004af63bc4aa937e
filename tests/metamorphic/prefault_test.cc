// SPDX-License-Identifier: GPL-2.0-only
// Whether memory was prefaulted does not show to the guest.
#include "harness/testing/fixture.h"
#include "tests/metamorphic/same_view.h"

namespace kct {
namespace {

class MetamorphicPrefault
    : public LongTest<Need::kCpu, Need::kTdp, Need::kPrefault, Need::kZapAllQuirk> {};
class MetamorphicPrefaultWithZapAll : public LongTest<Need::kCpu, Need::kTdp, Need::kPrefault> {};

// A prefault of all memory before each part of the guest's looks like none.
KCT_TEST(MetamorphicPrefault, DoesNotShow, "META-06") {
  const BothEvidence evidence = ExpectSameView(
      {"no prefault", {.zap_all = ZapAllQuirk::kOff}},
      {"prefault", {.prefault = Prefault::kBeforeEachEpisode, .zap_all = ZapAllQuirk::kOff}});
  EXPECT_GT(evidence.other.prefaults, 0u);
}

// The same where each delete and move makes the roots of the vCPUs obsolete. A prefault that
// doesn't get over that is a breach of PREFAULT-50.
KCT_TEST(MetamorphicPrefaultWithZapAll, DoesNotShow, "PREFAULT-50", "META-06") {
  const BothEvidence evidence =
      ExpectSameView({"no prefault", {}}, {"prefault", {.prefault = Prefault::kBeforeEachEpisode}});
  EXPECT_GT(evidence.other.prefaults, 0u);
}

}  // namespace
}  // namespace kct
