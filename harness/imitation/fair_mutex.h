// SPDX-License-Identifier: GPL-2.0-only
// FairMutex: a mutex that is had in the order of asking. Who lets go of it for a moment gets it
// back only after those who asked meanwhile: a guest that loops can't keep everybody else out.
#pragma once

#include <atomic>
#include <cstdint>

namespace kct::imitation {

class FairMutex {
 public:
  // Who waits sleeps: on a machine with more threads than CPUs it is then the first to run.
  void lock() {
    const uint32_t turn = next_.fetch_add(1, std::memory_order_relaxed);
    for (uint32_t now = serving_.load(std::memory_order_acquire); now != turn;
         now = serving_.load(std::memory_order_acquire)) {
      serving_.wait(now, std::memory_order_acquire);
    }
  }
  void unlock() {
    serving_.fetch_add(1, std::memory_order_release);
    serving_.notify_all();
  }

 private:
  std::atomic<uint32_t> next_{0};
  std::atomic<uint32_t> serving_{0};
};

}  // namespace kct::imitation
