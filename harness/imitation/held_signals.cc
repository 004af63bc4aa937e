// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/held_signals.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace kct::imitation {

HeldSignals::HeldSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

HeldSignals::~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

bool HeldSignals::Pending() const {
  sigset_t pending;
  sigpending(&pending);
  for (int signal = 1; signal < NSIG; ++signal) {
    if (sigismember(&pending, signal) == 1 && sigismember(&before_, signal) == 0) return true;
  }
  return false;
}

void SendMemoryError(const void* address) {
  siginfo_t info = {};
  info.si_signo = SIGBUS;
  info.si_code = BUS_MCEERR_AR;
  info.si_addr = const_cast<void*>(address);
  syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info);
}

}  // namespace kct::imitation
