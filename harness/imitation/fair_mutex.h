// SPDX-License-Identifier: GPL-2.0-only
// FairMutex: a mutex that is had in the order of asking. Who lets go of it for a moment gets it
// back only after those who asked meanwhile: a guest that loops can't keep everybody else out.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

namespace kct::imitation {

class FairMutex {
 public:
  // It is held for microseconds: who waits gives up the CPU between looks.
  void lock() {
    const uint32_t turn = next_.fetch_add(1, std::memory_order_relaxed);
    while (serving_.load(std::memory_order_acquire) != turn) sched_yield();
  }
  void unlock() { serving_.fetch_add(1, std::memory_order_release); }

 private:
  std::atomic<uint32_t> next_{0};
  std::atomic<uint32_t> serving_{0};
};

}  // namespace kct::imitation
