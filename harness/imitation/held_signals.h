// SPDX-License-Identifier: GPL-2.0-only
// HeldSignals: holds the signals of the calling thread back while it lives, as the kernel does with
// a thread that is in a call, and tells whether one is pending that the caller had not blocked.
#pragma once

#include <signal.h>

namespace kct::imitation {

class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();  // here they arrive
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  bool Pending() const;

 private:
  sigset_t before_;
};

// Sends the calling thread the signal of a memory error at this host address.
void SendMemoryError(const void* address);

}  // namespace kct::imitation
