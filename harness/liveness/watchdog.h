// SPDX-License-Identifier: GPL-2.0-only
// Watchdog: notices a call that makes no progress within its budget, gathers the evidence, gets
// the callers out with a signal where the ABI allows it, and hands over a Stall.
//
// Only time in which the watchdog itself ran on schedule counts, so a machine that stops for a
// while (a starved emulator) is not taken for a kernel that does.
#pragma once

#include <pthread.h>

#include <atomic>
#include <functional>
#include <thread>

#include "harness/liveness/stall.h"

namespace kct {

// Sends a thread of this process the signal that interrupts calls (SIGUSR1, handled without
// SA_RESTART while a Watchdog lives). False: the thread is gone.
bool InterruptThread(pid_t tid);

class Watchdog {
 public:
  // Called once, on the watchdog's thread, when a call has used up its budget. All threads that
  // return from calls are held from then on: the handler has to end the process.
  using Handler = std::function<void(const Stall&)>;

  // Installs a handler for SIGUSR1, which the watchdog uses to interrupt calls and take stacks.
  explicit Watchdog(Handler handler);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Loop();
  Stall Gather(const std::array<Duration, kMaxThreads>& waited,
               const std::array<double, kMaxThreads>& cpu_at_entry) const;

  Handler handler_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace kct
