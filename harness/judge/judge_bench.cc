// SPDX-License-Identifier: GPL-2.0-only
// Recordings judged a second; a plain Wing–Gong search of the same model beside it.
#include <benchmark/benchmark.h>

#include "harness/history/random_recording.h"
#include "harness/judge/judge.h"

namespace kct {
namespace {

constexpr uint64_t kRecordings = 200;

std::vector<Recording> Recordings(const RandomRecordingOptions& options) {
  std::vector<Recording> recordings;
  for (uint64_t seed = 0; seed < kRecordings; ++seed) {
    recordings.push_back(RandomRecording(Random(seed), options));
  }
  return recordings;
}

void JudgeAll(benchmark::State& state, const std::vector<Recording>& recordings,
              const JudgeLimits& limits) {
  uint64_t judged = 0, gave_up = 0, configurations = 0;
  for (auto _ : state) {
    const Judgement judgement = Judge(recordings[judged++ % recordings.size()], limits);
    if (judgement.answer == Answer::kGaveUp) ++gave_up;
    configurations += judgement.configurations;
  }
  state.SetItemsProcessed(static_cast<int64_t>(judged));
  state.counters["gave_up_percent"] =
      100.0 * static_cast<double>(gave_up) / static_cast<double>(judged);
  state.counters["configurations"] =
      static_cast<double>(configurations) / static_cast<double>(judged);
}

// 50 operations by 4 actors.
void Short(benchmark::State& state) {
  JudgeAll(
      state,
      Recordings(
          {.actors = 4, .calls = 50, .overlap_percent = static_cast<uint32_t>(state.range(0))}),
      {});
}
BENCHMARK(Short)->Arg(20)->Arg(60)->Arg(90);

void ShortPlain(benchmark::State& state) {
  JudgeAll(
      state,
      Recordings(
          {.actors = 4, .calls = 50, .overlap_percent = static_cast<uint32_t>(state.range(0))}),
      {.remember_failures = false, .partition = false});
}
BENCHMARK(ShortPlain)->Arg(20)->Arg(60)->Arg(90);

// 5,000 operations by 8 actors.
void Long(benchmark::State& state) {
  const std::vector<Recording> recordings = {
      RandomRecording(Random(1), {.actors = 8, .calls = 5000, .overlap_percent = 60})};
  JudgeAll(state, recordings, {});
}
BENCHMARK(Long)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kct

BENCHMARK_MAIN();
