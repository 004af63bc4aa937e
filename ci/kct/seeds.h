// SPDX-License-Identifier: GPL-2.0-only
// Seeds: from the one of a run to the one of each test, so that a test that is run alone with the
// seed of its run makes the same random choices.
#pragma once

#include <cstdint>
#include <string_view>

#include "harness/base/result.h"

namespace kct {

// From the kernel's random numbers.
uint64_t FreshSeed();

// "123" or "0x7b".
Result<uint64_t> ParseSeed(std::string_view text);

// The run seed that brings repetition `repeat` of a run with `seed` back as a run of its own.
uint64_t SeedOfRepeat(uint64_t seed, unsigned repeat);

uint64_t SeedOfTest(uint64_t run_seed, std::string_view test_name);

}  // namespace kct
