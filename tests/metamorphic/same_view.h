// SPDX-License-Identifier: GPL-2.0-only
// The relation that the tests of this suite are about: two makes of guest memory, the same view.
#pragma once

#include <string_view>

#include "tests/metamorphic/stage.h"

namespace kct {

// Scenarios a test plays, each once a setting: one to two seconds of emulation.
inline constexpr int kScenarios = 6;

struct Version {
  std::string_view name;  // "2M pages"
  Setting setting;
};

// Sums over all scenarios.
struct BothEvidence {
  Evidence reference, other;
};

// Plays scenarios in both versions. Fails the test, and ends, at the first in which a guest could
// tell them apart:
//
//   The guest can tell 4K pages from 2M pages: scenario 0x9a…, episode 3
//     both: vCPU 0, op 4: write width=8 gpa=0x40000010 value=0x7 -> ok value=0x0 count=1 runs=1
//     4K pages: vCPU 0, op 5: read width=8 gpa=0x40000010 -> ok value=0x7 count=1 runs=1
//     2M pages: vCPU 0, op 5: read width=8 gpa=0x40000010 -> ok value=0x0 count=1 runs=1
//   rerun metamorphic_test --gtest_filter=MetamorphicBacking.HugePagesDoNotShow --seed=0x2a
BothEvidence ExpectSameView(const Version& reference, const Version& other);

}  // namespace kct
