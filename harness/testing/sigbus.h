// SPDX-License-Identifier: GPL-2.0-only
// SigbusCatcher: remembers the last SIGBUS of this process while it lives.
#pragma once

#include <signal.h>

#include <atomic>

#include "harness/base/units.h"

namespace kct {

class SigbusCatcher {
 public:
  SigbusCatcher() {
    Forget();
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t* info, void*) {
      seen_code = info->si_code;
      seen_address = HvaOf(info->si_addr).value;
    };
    sigaction(SIGBUS, &action, &previous_);
  }
  ~SigbusCatcher() { sigaction(SIGBUS, &previous_, nullptr); }
  SigbusCatcher(const SigbusCatcher&) = delete;
  SigbusCatcher& operator=(const SigbusCatcher&) = delete;

  void Forget() {
    seen_code = 0;
    seen_address = 0;
  }
  int code() const { return seen_code; }  // si_code; 0: none came
  Hva address() const { return {seen_address}; }

 private:
  static inline std::atomic<int> seen_code = 0;
  static inline std::atomic<uint64_t> seen_address = 0;
  struct sigaction previous_ = {};
};

}  // namespace kct
