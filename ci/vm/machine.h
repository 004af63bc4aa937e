// SPDX-License-Identifier: GPL-2.0-only
// Machine: something that runs programs and tells about it in the lines of
// docs/design/protocol.md, part 2: a VM, this host, or a script in a unit test.
#pragma once

#include <filesystem>
#include <string>
#include <variant>

#include "ci/vm/message.h"
#include "harness/base/result.h"

namespace kct {

// The machine says nothing more.
struct MachineEnded {
  enum class Cause {
    kKernelDied,  // it panicked and rebooted, or went silent
    kEmulator,    // QEMU crashed or was killed; says nothing about the kernel
    kOurs,        // we can't go on: the disk is full
  };
  Cause cause;
  std::string why;  // one line
};

// The user wants us to stop.
struct Interrupted {};

using Heard = std::variant<Message, MachineEnded, Interrupted>;

class Machine {
 public:
  virtual ~Machine() = default;

  // A command line without its newline. A machine that is gone says so to Listen(), not here.
  virtual void Send(const std::string& command) = 0;
  // Waits for the next line. A living machine says something each second, so this ends.
  virtual Heard Listen() = 0;
  // Where its logs are; empty if it keeps none.
  virtual std::filesystem::path folder() const = 0;
};

}  // namespace kct
