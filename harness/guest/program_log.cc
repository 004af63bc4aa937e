// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/program_log.h"

#include <mutex>

#include "harness/base/clock.h"

namespace kct {
namespace {

std::mutex mutex;
std::vector<ProgramRun> runs;
uint64_t first_number = 1;  // of runs[0]

}  // namespace

std::vector<ProgramRun> ReadProgramLog() {
  std::lock_guard lock(mutex);
  return runs;
}

void ClearProgramLog() {
  std::lock_guard lock(mutex);
  first_number += runs.size();
  runs.clear();
}

LoggedProgram::LoggedProgram(ProgramRun run) {
  std::lock_guard lock(mutex);
  number_ = first_number + runs.size();
  runs.push_back(std::move(run));
}

void LoggedProgram::End(std::vector<guest::OpResult> results) {
  std::lock_guard lock(mutex);
  if (number_ < first_number) return;  // the log has been cleared since
  ProgramRun& run = runs[number_ - first_number];
  run.results = std::move(results);
  run.ended = StampTsc();
  number_ = 0;
}

}  // namespace kct
