// SPDX-License-Identifier: GPL-2.0-only
// Message: one line from PID 1, understood (docs/design/protocol.md, part 2).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kct {

struct Message {
  enum class Kind : char {
    kUp = 'U',
    kStarted = 'S',
    kEvent = 'E',
    kOutput = 'O',
    kKernelLog = 'K',
    kExited = 'X',
    kStuck = 'Z',
    kReloaded = 'R',
    kAlive = 'T',
    kBroken = 'B',
  };
  Kind kind;
  uint64_t id = 0;                    // of the command: kStarted … kOutput, kExited, kStuck
  int status = 0;                     // kExited: exit status; kReloaded: errno; kKernelLog: level
  int signal = 0;                     // kExited
  std::chrono::microseconds time{0};  // kKernelLog, kAlive: since boot; kExited: how long it ran
  std::string text;                   // what is left of the line
};

// The message of a line; nothing if the line is not one of the protocol.
std::optional<Message> ParseMessage(std::string_view line);

}  // namespace kct
