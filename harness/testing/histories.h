// SPDX-License-Identifier: GPL-2.0-only
// Histories of the running test: what its calls were and answered, as the judge reads them.
#pragma once

#include <string_view>
#include <vector>

#include "harness/history/recording.h"

namespace kct {

// From now on each test's history is kept. Without it there are none.
void KeepHistories(const model::Rules& facts);

// From now on a test fails whose history the judge can't explain. Without it that is for whoever
// gets the events.
void JudgeHistories();
bool AreHistoriesJudged();

// A test begins; what was recorded before is forgotten.
void BeginHistory();
// What was recorded since, one for each VM, short enough to be sent and judged.
std::vector<Recording> HistoryOfTest(std::string_view test, uint64_t seed);

}  // namespace kct
