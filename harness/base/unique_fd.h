// SPDX-License-Identifier: GPL-2.0-only
// UniqueFd: owns one file descriptor and closes it.
#pragma once

#include <unistd.h>

#include <utility>

#include "harness/base/tape.h"

namespace kct {

// What closes the descriptors: close(2), unless a kernel is imitated in this process, which has to
// know. Set it before threads start.
inline int (*closer_of_fds)(int) = close;

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset() {
    if (fd_ < 0) return;
    OnTape event(TapeKind::kClosed);
    if (event) event->fd = fd_;
    event.Begin();
    closer_of_fds(std::exchange(fd_, -1));
    event.End();
  }

 private:
  int fd_ = -1;
};

}  // namespace kct
