// SPDX-License-Identifier: GPL-2.0-only
#include "tests/metamorphic/same_view.h"

#include <gtest/gtest.h>

#include "harness/testing/report.h"

namespace kct {
namespace {

// Nothing: it could not be played, and the test has failed.
std::optional<Performance> PlayOn(const Scenario& scenario, const Version& version,
                                  Evidence& evidence) {
  Result<Performance> played = Perform(scenario, version.setting);
  if (!played) {
    ADD_FAILURE() << "setting the scene failed: " << fmt::format("scenario {:#x}", scenario.seed)
                  << " on " << version.name << ": " << played.error().message;
    return std::nullopt;
  }
  evidence += played->evidence;
  return std::move(played).value();
}

std::string RerunLine() {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  return fmt::format("rerun metamorphic_test --gtest_filter={}.{} --seed={:#x}",
                     test.test_suite_name(), test.name(), Seed());
}

}  // namespace

BothEvidence ExpectSameView(const Version& reference, const Version& other) {
  BothEvidence evidence;
  for (const Scenario& scenario : WriteScenarios(Seed(), kScenarios)) {
    const auto one = PlayOn(scenario, reference, evidence.reference);
    const auto two = PlayOn(scenario, other, evidence.other);
    if (!one || !two) return evidence;
    const std::optional<std::string> difference =
        FirstDifference({reference.name, one->view}, {other.name, two->view});
    if (!difference) continue;
    ADD_FAILURE() << fmt::format("The guest can tell {} from {}: scenario {:#x}, {}{}",
                                 reference.name, other.name, scenario.seed, *difference,
                                 RerunLine());
    return evidence;
  }
  return evidence;
}

}  // namespace kct
