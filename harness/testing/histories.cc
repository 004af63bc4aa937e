// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/histories.h"

#include <optional>

#include "harness/abi/host.h"
#include "harness/base/clock.h"
#include "harness/base/tape.h"
#include "harness/guest/program_log.h"
#include "harness/record/recordings.h"
#include "harness/record/shorten.h"

namespace kct {
namespace {

// What a slow serial port brings home in a fifth of a second.
constexpr std::size_t kMostCalls = 1500;

std::optional<model::Rules> facts;
bool judged = false;
uint64_t begin_tsc = 0;
Instant begin;

uint32_t TicksPerMicrosecond() {
  const double microseconds = Seconds(Clock::now() - begin) * 1e6;
  const auto ticks = static_cast<double>(StampTsc() - begin_tsc);
  return microseconds < 1 ? 0 : static_cast<uint32_t>(ticks / microseconds + 0.5);
}

}  // namespace

void KeepHistories(const model::Rules& rules) { facts = rules; }

void JudgeHistories() { judged = true; }
bool AreHistoriesJudged() { return judged; }

void BeginHistory() {
  if (!facts) return;
  begin_tsc = StampTsc();
  begin = Clock::now();
  ClearProgramLog();
  StartTape();
}

std::vector<Recording> HistoryOfTest(std::string_view test, uint64_t seed) {
  if (!facts) return {};
  std::vector<Recording> recordings = RecordingsOf(ReadTape(), ReadProgramLog(), *facts);
  const uint32_t ticks_per_us = TicksPerMicrosecond();
  const std::string kernel = CurrentHost().Release();
  for (Recording& recording : recordings) {
    recording.test = test;
    recording.kernel = kernel;
    recording.seed = seed;
    recording.ticks_per_us = ticks_per_us;
    Shorten(recording, kMostCalls);
  }
  return recordings;
}

}  // namespace kct
