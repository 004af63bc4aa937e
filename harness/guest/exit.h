// SPDX-License-Identifier: GPL-2.0-only
// GuestExit: one KVM_RUN as a value: what was answered and, if it left the guest, why.
//
// Nothing is judged: an errno of KVM_RUN or an exit nobody asked for is data like any other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/abi/call.h"
#include "harness/base/units.h"

namespace kct {

// In kvm_run::exit_reason before each KVM_RUN, so that an exit reason found after it is KVM's.
inline constexpr uint32_t kNoExitReason = 0xffff'ffff;

enum class ExitKind {
  kDone,           // the program has ended
  kPanic,          // an exception in the guest outside any operation
  kMmio,           // an access to a GPA that no slot backs
  kIo,             // a port, other than those two
  kHalt,           //
  kHypercall,      //
  kShutdown,       // triple fault, and the like
  kInternalError,  // KVM gave up: KVM_EXIT_INTERNAL_ERROR
  kMemoryFault,    // -1 with KVM_EXIT_MEMORY_FAULT: EFAULT, EHWPOISON, as in RUN-22
  kFailEntry,      // the hardware refused the guest's state
  kInterrupted,    // -1 EINTR: a signal, or immediate_exit
  kFailed,         // -1 with any other errno
  kOther,          // any other exit reason
};

enum class Direction { kRead, kWrite };  // as seen from the guest

struct MmioExit {
  Gpa gpa;
  uint32_t size = 0;  // bytes
  Direction direction = Direction::kRead;
  uint64_t data = 0;  // of a write
};

struct IoExit {
  uint16_t port = 0;
  uint32_t width = 0;  // bytes a word
  uint32_t count = 0;  // words; more than 1 for string instructions
  Direction direction = Direction::kRead;
  std::vector<std::byte> data;  // of a write: count * width bytes
};

struct HypercallExit {
  uint64_t number = 0;
  std::array<uint64_t, 6> args{};
};

struct InternalErrorExit {
  uint32_t suberror = 0;
  std::vector<uint64_t> data;
};

struct MemoryFaultExit {
  uint64_t flags = 0;
  Gpa gpa;
  Bytes size;
};

struct GuestExit {
  ExitKind kind = ExitKind::kOther;
  RunCall call;
  uint32_t exit_reason = kNoExitReason;  // as found in kvm_run, also when the call failed

  // Each is filled in for its kind only.
  uint32_t cpu = 0;           // kDone: id of the vCPU that says so
  uint32_t panic_vector = 0;  // kPanic
  MmioExit mmio;
  IoExit io;
  HypercallExit hypercall;
  InternalErrorExit internal_error;
  MemoryFaultExit memory_fault;
  uint64_t hardware_reason = 0;  // kFailEntry

  bool done() const { return kind == ExitKind::kDone; }
  // One line: "MMIO read of 8 bytes at 0x100000000", "KVM_RUN -> -1 EFAULT, exit reason …".
  std::string ToString() const;
};

// `run` is the structure shared with KVM_RUN, with the data pages behind it.
GuestExit Classify(const RunCall& call, const kvm_run& run);

// "KVM_EXIT_MMIO"; "exit reason 4242" for a number we have no name for.
std::string ExitReasonName(uint32_t exit_reason);

// GoogleTest prints exits through this.
void PrintTo(const GuestExit& guest_exit, std::ostream* os);

}  // namespace kct
