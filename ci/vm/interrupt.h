// SPDX-License-Identifier: GPL-2.0-only
// Interrupt: SIGINT, SIGTERM and SIGHUP as something to poll for, so that the program ends in
// order.
//
// While one exists these signals don't end the process. REQUIRES: a single thread. Child
// processes inherit the blocked signals; Child undoes that.
#pragma once

#include "harness/base/unique_fd.h"

namespace kct {

class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Readable once a signal has come, and from then on.
  int fd() const { return fd_.get(); }
  bool came() const;

 private:
  UniqueFd fd_;
};

}  // namespace kct
