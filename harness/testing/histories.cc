// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/histories.h"

#include <optional>

#include "harness/abi/host.h"
#include "harness/base/tape.h"
#include "harness/guest/program_log.h"
#include "harness/record/recordings.h"
#include "harness/record/shorten.h"

namespace kct {
namespace {

// What a slow serial port brings home in a fifth of a second.
constexpr std::size_t kMostCalls = 1500;

std::optional<model::Rules> facts;

}  // namespace

void KeepHistories(const model::Rules& rules) { facts = rules; }

void BeginHistory() {
  if (!facts) return;
  ClearProgramLog();
  StartTape();
}

std::vector<Recording> HistoryOfTest(std::string_view test, uint64_t seed) {
  if (!facts) return {};
  std::vector<Recording> recordings = RecordingsOf(ReadTape(), ReadProgramLog(), *facts);
  const std::string kernel = CurrentHost().Release();
  for (Recording& recording : recordings) {
    recording.test = test;
    recording.kernel = kernel;
    recording.seed = seed;
    Shorten(recording, kMostCalls);
  }
  return recordings;
}

}  // namespace kct
