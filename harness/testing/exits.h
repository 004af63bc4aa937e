// SPDX-License-Identifier: GPL-2.0-only
// Matchers for what ended a KVM_RUN.
#pragma once

#include <gmock/gmock.h>

#include "harness/guest/exit.h"

namespace kct {

// The guest's program has ended.
MATCHER(IsDone, "is the end of the program") { return arg.done(); }

// An access of the guest that no slot backs.
MATCHER_P(IsMmioRead, gpa, fmt::format("is an MMIO read at {:#x}", gpa.value)) {
  return arg.kind == ExitKind::kMmio && arg.mmio.direction == Direction::kRead &&
         arg.mmio.gpa == gpa;
}
MATCHER_P2(IsMmioWrite, gpa, data,
           fmt::format("is an MMIO write of {:#x} at {:#x}", uint64_t{data}, gpa.value)) {
  return arg.kind == ExitKind::kMmio && arg.mmio.direction == Direction::kWrite &&
         arg.mmio.gpa == gpa && arg.mmio.data == data;
}

// An OUT of the guest's program to this port.
MATCHER_P(IsOut, port, fmt::format("is an OUT to port {:#x}", port)) {
  return arg.kind == ExitKind::kIo && arg.io.direction == Direction::kWrite && arg.io.port == port;
}

// KVM_RUN has failed with this errno, and says which memory it could not get.
MATCHER_P(IsMemoryFault, error, fmt::format("is a memory fault, {}", Errno(error).Name())) {
  return arg.kind == ExitKind::kMemoryFault && arg.call.error == Errno(error);
}

// KVM has given up, for this reason.
MATCHER_P(IsInternalError, suberror, fmt::format("is KVM internal error {}", suberror)) {
  return arg.kind == ExitKind::kInternalError &&
         arg.internal_error.suberror == static_cast<uint32_t>(suberror);
}

}  // namespace kct
