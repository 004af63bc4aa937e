// SPDX-License-Identifier: GPL-2.0-only
// How memory is cut into slots, and what else KVM is told about them, does not show to the guest.
#include "harness/testing/fixture.h"
#include "tests/metamorphic/same_view.h"

namespace kct {
namespace {

class MetamorphicSlots : public LongTest<Need::kCpu> {};
class MetamorphicZapAll : public LongTest<Need::kCpu, Need::kZapAllQuirk> {};

// Two slots side by side look like one, also to accesses that cross from one to the other.
KCT_TEST(MetamorphicSlots, ACutDoesNotShow, "META-03") {
  ExpectSameView({"one slot", {}}, {"two slots", {.layout = Layout::kTwoSlots}});
}

// Dirty logging that goes on and off looks like none.
KCT_TEST(MetamorphicSlots, DirtyLoggingDoesNotShow, "META-04") {
  const BothEvidence evidence =
      ExpectSameView({"no logging", {.dirty_log = DirtyLog::kNever}}, {"dirty logging", {}});
  EXPECT_EQ(evidence.reference.log_starts, 0u);
  EXPECT_GT(evidence.other.log_starts, 0u);
}

// Whether a delete drops all mappings of the VM or those of its slot looks the same.
KCT_TEST(MetamorphicZapAll, DoesNotShow, "META-05", "MEMSLOT-46") {
  ExpectSameView({"the quirk", {}}, {"no quirk", {.zap_all = ZapAllQuirk::kOff}});
}

}  // namespace
}  // namespace kct
