// SPDX-License-Identifier: GPL-2.0-only
// Which tests run, in which modes, with which seeds.
#pragma once

#include <string>
#include <vector>

#include "ci/kct/test_result.h"

namespace kct {

enum class Extent {
  kWhole,
  // What comes to its end in 90 s: no long tests, no shadow paging unless it is asked for, and of
  // tests that differ in their parameter only one, and of the races of a fixture, which the seed
  // chooses.
  kQuick,
};

struct SelectionOptions {
  std::vector<std::string> suites;  // empty: all
  std::string filter = "*";
  std::string clause;       // empty: any
  std::vector<Mode> modes;  // empty: as each test needs, shadow paging only where it must be
  Extent extent = Extent::kWhole;
  unsigned repeat = 1;
  uint64_t seed = 0;
  std::string lie;  // for all of them
};

struct Selection {
  std::vector<Assignment> assignments;  // a mode after the other
  std::vector<TestCase> left_out;
};

// An Error if a suite or clause doesn't exist, the filter is malformed, or nothing is left.
Result<Selection> Select(const std::vector<TestCase>& tests, const SelectionOptions& options);

}  // namespace kct
