// SPDX-License-Identifier: GPL-2.0-only
// Recordings: what is on the tape, as histories that can be judged, one for each VM.
//
// What is recorded exactly, what as several accesses and what not at all, and why no contradiction
// comes of the latter, is in docs/design/recording.md.
#pragma once

#include <span>
#include <vector>

#include "harness/base/tape.h"
#include "harness/guest/program_log.h"
#include "harness/history/recording.h"

namespace kct {

// Test, kernel and seed are left to the caller.
std::vector<Recording> RecordingsOf(const TapeContents& tape, std::span<const ProgramRun> programs,
                                    const model::Rules& rules);

}  // namespace kct
