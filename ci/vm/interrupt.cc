// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "harness/base/check.h"

namespace kct {

Interrupt::Interrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  fd_ = UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  KCT_CHECK(fd_);
}

bool Interrupt::came() const {
  pollfd ready{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  return poll(&ready, 1, 0) > 0;
}

}  // namespace kct
