// SPDX-License-Identifier: GPL-2.0-only
// Judges the histories that a test has left behind.
#pragma once

#include "ci/kct/test_result.h"

namespace kct {

// Adds what the judge says to the result: a contradiction fails a test that has not failed by
// itself, and blames the clauses of its core.
TestResult WithItsHistoriesJudged(TestResult result);

}  // namespace kct
