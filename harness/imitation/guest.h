// SPDX-License-Identifier: GPL-2.0-only
// Guest: how far a vCPU has come with the program that guests/payloads/interpreter.cc would run.
// The machine code itself is not emulated: operations are carried out here, access by access.
#pragma once

#include <cstdint>

namespace kct::imitation {

struct Guest {
  bool begun = false;    // its registers were set to the interpreter's entry
  uint64_t area = 0;     // GPA of its guest::CpuArea
  uint64_t op = 0;       // index of the operation
  uint64_t part = 0;     // of the operation: accesses made
  uint64_t scratch = 0;  // what one part of an operation leaves for the next
  uint64_t retired = 0;  // parts so far: stands for the instruction pointer
  bool waits = false;    // an exit waits for its answer
};

}  // namespace kct::imitation
