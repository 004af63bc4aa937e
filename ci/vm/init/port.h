// SPDX-License-Identifier: GPL-2.0-only
// Port: the line that PID 1 shares with the runner (docs/design/protocol.md, part 2).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "harness/base/result.h"
#include "harness/base/unique_fd.h"

namespace kct {

class Port {
 public:
  // A serial port, set to pass bytes unchanged both ways.
  static Result<Port> OpenSerial(const char* path);
  // Standard input and output; everything else that this process prints moves to stderr.
  static Result<Port> TakeStdio();

  int in() const { return in_.get(); }
  template <typename... Args>
  void Say(fmt::format_string<Args...> format, Args&&... args) const {
    Write(fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  Port(UniqueFd in, UniqueFd out) : in_(std::move(in)), out_(std::move(out)) {}
  // One line, made printable; waits until the runner took it.
  void Write(std::string_view line) const;

  UniqueFd in_;
  UniqueFd out_;
};

}  // namespace kct
