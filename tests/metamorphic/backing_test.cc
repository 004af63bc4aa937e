// SPDX-License-Identifier: GPL-2.0-only
// What the host makes guest memory of does not show to the guest.
#include "harness/testing/fixture.h"
#include "tests/metamorphic/same_view.h"

namespace kct {
namespace {

class MetamorphicBacking : public LongTest<Need::kCpu> {};
class MetamorphicGuestMemfd : public LongTest<Need::kCpu, Need::kRegion2, Need::kGuestMemfd> {};

// Huge pages of the host, and huge mappings of KVM, look like small ones.
KCT_TEST(MetamorphicBacking, HugePagesDoNotShow, "META-01") {
  const BothEvidence evidence =
      ExpectSameView({"4K pages", {}}, {"2M pages", {.backing = Backing::kHugePages}});
  EXPECT_EQ(evidence.reference.huge_mappings, 0u);
  ASSERT_REACHED(evidence.other.huge_mappings > 0, "a huge mapping (the host gave no huge page)");
}

// A guest_memfd that can be mapped looks like anonymous memory; a hole in it like a dropped page.
KCT_TEST(MetamorphicGuestMemfd, DoesNotShow, "META-02") {
  ExpectSameView({"anonymous memory", {}}, {"guest_memfd", {.backing = Backing::kGuestMemfd}});
}

}  // namespace
}  // namespace kct
