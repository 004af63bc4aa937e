// SPDX-License-Identifier: GPL-2.0-only
// What the harness costs and what it gains, in one run: an ioctl through it against the bare call,
// and the meetings a second of a race that aims against one that only starts together.
#include <benchmark/benchmark.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "harness/abi/host_memory.h"
#include "harness/abi/taped_backend.h"
#include "harness/kvm/vm.h"
#include "harness/liveness/in_flight.h"
#include "harness/race/race.h"
#include "harness/testing/scene.h"

namespace kct {
namespace {

// Sets the scene or ends the benchmark with the reason.
#define BENCH_ASSIGN(declaration, ...)                                        \
  auto KCT_CONCAT(made_, __LINE__) = (__VA_ARGS__);                           \
  if (!KCT_CONCAT(made_, __LINE__)) {                                         \
    state.SkipWithError(KCT_CONCAT(made_, __LINE__).error().message.c_str()); \
    return;                                                                   \
  }                                                                           \
  declaration = std::move(KCT_CONCAT(made_, __LINE__)).value()

void IoctlBare(benchmark::State& state) {
  BENCH_ASSIGN(const Kvm kvm, Kvm::Open());
  for (auto _ : state) {
    benchmark::DoNotOptimize(ioctl(kvm.fd(), KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS));
  }
}
BENCHMARK(IoctlBare);

void IoctlThroughTheHarness(benchmark::State& state) {
  BENCH_ASSIGN(const Kvm kvm, Kvm::Open());
  WatchedBackend watched(KernelBackend());
  SetBackend(watched);
  for (auto _ : state) benchmark::DoNotOptimize(kvm.CheckExtension(KVM_CAP_NR_MEMSLOTS));
  SetBackend(KernelBackend());
}
BENCHMARK(IoctlThroughTheHarness);

// Far fewer times than a thread's tape has room for.
void IoctlOnTape(benchmark::State& state) {
  BENCH_ASSIGN(const Kvm kvm, Kvm::Open());
  TapedBackend taped(KernelBackend());
  WatchedBackend watched(taped);
  SetBackend(watched);
  StartTape();
  for (auto _ : state) benchmark::DoNotOptimize(kvm.CheckExtension(KVM_CAP_NR_MEMSLOTS));
  StopTape();
  SetBackend(KernelBackend());
}
BENCHMARK(IoctlOnTape)->Iterations(kMostTapeEvents / 2);

void PrefaultBare(benchmark::State& state) {
  BENCH_ASSIGN(const Scene scene, Scene::Make({.pages = 1}));
  for (auto _ : state) {
    kvm_pre_fault_memory range{.gpa = Scene::kGpa.value, .size = kPage.count};
    benchmark::DoNotOptimize(ioctl(scene.vcpu.fd(), KVM_PRE_FAULT_MEMORY, &range));
  }
}
BENCHMARK(PrefaultBare);

void PrefaultThroughTheHarness(benchmark::State& state) {
  BENCH_ASSIGN(const Scene scene, Scene::Make({.pages = 1}));
  WatchedBackend watched(KernelBackend());
  SetBackend(watched);
  for (auto _ : state) benchmark::DoNotOptimize(scene.vcpu.PreFault(scene.slot.range()));
  SetBackend(KernelBackend());
}
BENCHMARK(PrefaultThroughTheHarness);

void PrefaultOnTape(benchmark::State& state) {
  BENCH_ASSIGN(const Scene scene, Scene::Make({.pages = 1}));
  TapedBackend taped(KernelBackend());
  WatchedBackend watched(taped);
  SetBackend(watched);
  StartTape();
  for (auto _ : state) benchmark::DoNotOptimize(scene.vcpu.PreFault(scene.slot.range()));
  StopTape();
  SetBackend(KernelBackend());
}
BENCHMARK(PrefaultOnTape)->Iterations(kMostTapeEvents / 2);

// Runs a race for two seconds; counts its meetings, and how many of them were of the commonest
// phase: near 1 means that the calls always met in the same way.
void CountMeetings(benchmark::State& state, Race& race, StartLine start_line) {
  race.UseStartLine(start_line);
  BENCH_ASSIGN(const History history, race.Run());
  uint32_t commonest = 0;
  for (const auto& [phase, count] : history.phases) commonest = std::max(commonest, count);
  state.counters["meetings/s"] = benchmark::Counter(history.meetings, benchmark::Counter::kIsRate);
  state.counters["met"] = static_cast<double>(history.meetings) / history.rounds;
  state.counters["commonest"] = static_cast<double>(commonest) / std::max(history.meetings, 1u);
}

constexpr RaceOptions kTwoSeconds{.meetings = 1'000'000, .patience = 2s, .most_rounds = 1'000'000};

// Long calls: prefault of 64 pages against deletion of their slot.
void RaceOfLongCalls(benchmark::State& state, StartLine start_line) {
  for (auto _ : state) {
    BENCH_ASSIGN(const Scene scene, Scene::Make({.pages = 64, .zap_all = ZapAllQuirk::kOff}));
    Race race(1, kTwoSeconds);
    race.Actor("prefault", [&] { return scene.vcpu.PreFault(scene.slot.range()); });
    race.Actor("delete", [&] { return scene.slot.Delete(); });
    race.AfterRound([&] { return scene.slot.Restore(); });
    CountMeetings(state, race, start_line);
  }
}
BENCHMARK_CAPTURE(RaceOfLongCalls, together, StartLine::kBarrier)->Iterations(1)->UseRealTime();
BENCHMARK_CAPTURE(RaceOfLongCalls, aimed, StartLine::kAdaptive)->Iterations(1)->UseRealTime();

// Short calls that begin apart: prefault of a page against dropping it, after some other work.
void RaceOfShortCalls(benchmark::State& state, StartLine start_line) {
  for (auto _ : state) {
    BENCH_ASSIGN(const Scene scene, Scene::Make({.pages = 1, .zap_all = ZapAllQuirk::kOff}));
    Race race(1, kTwoSeconds);
    race.Actor("prefault", [&] { return scene.vcpu.PreFault(scene.slot.range()); });
    race.Actor("drop", [&] {
      for (int i = 0; i < 50; ++i) scene.vm.CheckExtension(KVM_CAP_NR_MEMSLOTS);
      return DropPages(scene.slot.hva(), kPage);
    });
    CountMeetings(state, race, start_line);
  }
}
BENCHMARK_CAPTURE(RaceOfShortCalls, together, StartLine::kBarrier)->Iterations(1)->UseRealTime();
BENCHMARK_CAPTURE(RaceOfShortCalls, aimed, StartLine::kAdaptive)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace kct

BENCHMARK_MAIN();
