// SPDX-License-Identifier: GPL-2.0-only
// Time. Instants are CLOCK_MONOTONIC; TSC stamps order the begin and end of calls on different
// threads, because reading the TSC costs no system call on a machine whose clock source is slow.
#pragma once

#include <sched.h>
#include <x86intrin.h>

#include <chrono>
#include <cstdint>

namespace kct {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;
using Duration = Clock::duration;
using namespace std::chrono_literals;

inline double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// A TSC value that no earlier load or later store has passed. Comparable across CPUs on machines
// with synchronised TSCs (all that KVM supports well, and emulated ones).
inline uint64_t StampTsc() {
  unsigned aux;
  const uint64_t tsc = __rdtscp(&aux);
  _mm_lfence();
  return tsc;
}

// Waits until condition() holds, giving up the CPU between looks. False: the deadline passed.
template <typename Condition>
bool WaitUntil(Condition&& condition, Instant deadline) {
  while (!condition()) {
    if (Clock::now() > deadline) return condition();
    sched_yield();
  }
  return true;
}

}  // namespace kct
