// SPDX-License-Identifier: GPL-2.0-only
// What the harness costs and what it gains, in one run: an ioctl through it against the bare call,
// and the meetings a second of a race that aims against one that only starts together.
#include <benchmark/benchmark.h>
#include <sys/ioctl.h>

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

// Prefault of 64 pages against deletion of their slot, for two seconds.
void RaceMeetings(benchmark::State& state, StartLine start_line) {
  uint64_t meetings = 0, rounds = 0;
  for (auto _ : state) {
    BENCH_ASSIGN(const Scene scene, Scene::Make({.pages = 64, .zap_all = ZapAllQuirk::kOff}));
    Race race(1, {.meetings = 1'000'000, .patience = 2s});
    race.UseStartLine(start_line);
    race.Actor("prefault", [&] { return scene.vcpu.PreFault(scene.slot.range()); });
    race.Actor("delete", [&] { return scene.slot.Delete(); });
    race.AfterRound([&] { return scene.slot.Restore(); });
    BENCH_ASSIGN(const History history, race.Run());
    meetings += history.meetings;
    rounds += history.rounds;
  }
  state.counters["meetings/s"] =
      benchmark::Counter(static_cast<double>(meetings), benchmark::Counter::kIsRate);
  state.counters["met"] = static_cast<double>(meetings) / static_cast<double>(rounds);
}
BENCHMARK_CAPTURE(RaceMeetings, barrier, StartLine::kBarrier)->Iterations(3)->UseRealTime();
BENCHMARK_CAPTURE(RaceMeetings, adaptive, StartLine::kAdaptive)->Iterations(3)->UseRealTime();

}  // namespace
}  // namespace kct

BENCHMARK_MAIN();
