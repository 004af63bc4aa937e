// SPDX-License-Identifier: GPL-2.0-only
// Whether KVM translates with two-dimensional paging or with shadow page tables does not show to
// the guest. The test plays the same scenarios in both modes, and kct compares what it reports.
#include "harness/base/random.h"
#include "harness/testing/fixture.h"
#include "tests/metamorphic/same_view.h"

namespace kct {
namespace {

class MetamorphicPaging : public LongTest<Need::kCpu, Need::kBothPagings> {};

// Any of the settings, since none of them shows; the same for the same scenario.
Setting SomeSetting(const Scenario& scenario) {
  Random random(scenario.seed);
  return {.backing = random.Below(2) == 0 ? Backing::kSmallPages : Backing::kHugePages,
          .layout = random.Below(2) == 0 ? Layout::kOneSlot : Layout::kTwoSlots};
}

// A guest sees the same with NPT or EPT as without.
KCT_TEST(MetamorphicPaging, DoesNotShow, "META-07") {
  for (const Scenario& scenario : WriteScenarios(Seed(), kScenarios)) {
    ASSERT_OK_AND_ASSIGN(const Performance performance, Perform(scenario, SomeSetting(scenario)));
    const GuestView& view = performance.view;
    for (std::size_t i = 0; i < view.episodes.size(); ++i) {
      ReportView(fmt::format("scenario {:#x}, episode {}", scenario.seed, i),
                 TextOf(view.episodes[i]));
    }
    ReportView(fmt::format("scenario {:#x}, memory at the end", scenario.seed),
               TextOf(view.memory));
  }
}

}  // namespace
}  // namespace kct
