// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/exit.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ostream>
#include <utility>

#include "guest/abi.h"

namespace kct {
namespace {

MmioExit MmioOf(const kvm_run& run) {
  MmioExit mmio{.gpa = {run.mmio.phys_addr},
                .size = run.mmio.len,
                .direction = run.mmio.is_write ? Direction::kWrite : Direction::kRead};
  if (run.mmio.is_write) {
    std::memcpy(&mmio.data, run.mmio.data, std::min<std::size_t>(run.mmio.len, sizeof mmio.data));
  }
  return mmio;
}

IoExit IoOf(const kvm_run& run) {
  IoExit io{.port = run.io.port, .width = run.io.size, .count = run.io.count};
  if (run.io.direction == KVM_EXIT_IO_OUT) {
    io.direction = Direction::kWrite;
    const auto* data = reinterpret_cast<const std::byte*>(&run) + run.io.data_offset;
    io.data.assign(data, data + std::size_t{io.width} * io.count);
  }
  return io;
}

uint32_t FirstWord(const IoExit& io) {
  uint32_t word = 0;
  std::memcpy(&word, io.data.data(), std::min(sizeof word, io.data.size()));
  return word;
}

void ClassifyIo(const kvm_run& run, GuestExit& guest_exit) {
  guest_exit.io = IoOf(run);
  guest_exit.kind = ExitKind::kIo;
  if (guest_exit.io.direction != Direction::kWrite) return;
  if (guest_exit.io.port == guest::kDonePort) {
    guest_exit.kind = ExitKind::kDone;
    guest_exit.cpu = FirstWord(guest_exit.io);
  } else if (guest_exit.io.port == guest::kPanicPort) {
    guest_exit.kind = ExitKind::kPanic;
    guest_exit.panic_vector = FirstWord(guest_exit.io);
  }
}

InternalErrorExit InternalErrorOf(const kvm_run& run) {
  InternalErrorExit error{.suberror = run.internal.suberror};
  const std::size_t count = std::min<std::size_t>(run.internal.ndata, std::size(run.internal.data));
  error.data.assign(run.internal.data, run.internal.data + count);
  return error;
}

MemoryFaultExit MemoryFaultOf(const kvm_run& run) {
  KvmRunMemoryFault fault;
  std::memcpy(&fault, reinterpret_cast<const char*>(&run) + kKvmRunExitUnionOffset, sizeof fault);
  return {.flags = fault.flags, .gpa = {fault.gpa}, .size = {fault.size}};
}

void ClassifyFailure(const kvm_run& run, GuestExit& guest_exit) {
  const int error = guest_exit.call.error.value();
  guest_exit.kind = ExitKind::kFailed;
  if (error == EINTR) guest_exit.kind = ExitKind::kInterrupted;
  const bool is_fault = error == EFAULT || error == EHWPOISON || error == ENOMEM || error == EIO;
  if (is_fault && run.exit_reason == KVM_EXIT_MEMORY_FAULT) {
    guest_exit.kind = ExitKind::kMemoryFault;
    guest_exit.memory_fault = MemoryFaultOf(run);
  }
}

void ClassifyReason(const kvm_run& run, GuestExit& guest_exit) {
  switch (run.exit_reason) {
    case KVM_EXIT_MMIO:
      guest_exit.kind = ExitKind::kMmio;
      guest_exit.mmio = MmioOf(run);
      return;
    case KVM_EXIT_IO:
      return ClassifyIo(run, guest_exit);
    case KVM_EXIT_HLT:
      guest_exit.kind = ExitKind::kHalt;
      return;
    case KVM_EXIT_HYPERCALL:
      guest_exit.kind = ExitKind::kHypercall;
      guest_exit.hypercall.number = run.hypercall.nr;
      std::copy_n(run.hypercall.args, 6, guest_exit.hypercall.args.begin());
      return;
    case KVM_EXIT_SHUTDOWN:
      guest_exit.kind = ExitKind::kShutdown;
      return;
    case KVM_EXIT_INTERNAL_ERROR:
      guest_exit.kind = ExitKind::kInternalError;
      guest_exit.internal_error = InternalErrorOf(run);
      return;
    case KVM_EXIT_FAIL_ENTRY:
      guest_exit.kind = ExitKind::kFailEntry;
      guest_exit.hardware_reason = run.fail_entry.hardware_entry_failure_reason;
      return;
    default:
      return;
  }
}

std::string_view Verb(Direction direction) {
  return direction == Direction::kWrite ? "write" : "read";
}

}  // namespace

GuestExit Classify(const RunCall& call, const kvm_run& run) {
  GuestExit guest_exit{.call = call, .exit_reason = run.exit_reason};
  if (call.ok()) {
    ClassifyReason(run, guest_exit);
  } else {
    ClassifyFailure(run, guest_exit);
  }
  return guest_exit;
}

std::string ExitReasonName(uint32_t exit_reason) {
  switch (exit_reason) {
#define KCT_EXIT(name)  \
  case KVM_EXIT_##name: \
    return "KVM_EXIT_" #name
    KCT_EXIT(UNKNOWN);
    KCT_EXIT(IO);
    KCT_EXIT(HYPERCALL);
    KCT_EXIT(DEBUG);
    KCT_EXIT(HLT);
    KCT_EXIT(MMIO);
    KCT_EXIT(IRQ_WINDOW_OPEN);
    KCT_EXIT(SHUTDOWN);
    KCT_EXIT(FAIL_ENTRY);
    KCT_EXIT(INTR);
    KCT_EXIT(INTERNAL_ERROR);
    KCT_EXIT(SYSTEM_EVENT);
    KCT_EXIT(DIRTY_RING_FULL);
    KCT_EXIT(X86_BUS_LOCK);
    KCT_EXIT(MEMORY_FAULT);
#undef KCT_EXIT
    case kNoExitReason:
      return "no exit reason";
    default:
      return fmt::format("exit reason {}", exit_reason);
  }
}

std::string GuestExit::ToString() const {
  switch (kind) {
    case ExitKind::kDone:
      return fmt::format("the program of vCPU {} is done", cpu);
    case ExitKind::kPanic:
      return fmt::format("exception {} in the guest outside any operation", panic_vector);
    case ExitKind::kMmio:
      return fmt::format(
          "MMIO {} of {} bytes at {:#x}{}", Verb(mmio.direction), mmio.size, mmio.gpa.value,
          mmio.direction == Direction::kWrite ? fmt::format(", data {:#x}", mmio.data) : "");
    case ExitKind::kIo:
      return fmt::format("{} of {} x {} bytes at port {:#x}", Verb(io.direction), io.count,
                         io.width, io.port);
    case ExitKind::kHalt:
      return "HLT";
    case ExitKind::kHypercall:
      return fmt::format("hypercall {} ({:#x})", hypercall.number, fmt::join(hypercall.args, ", "));
    case ExitKind::kShutdown:
      return "shutdown of the guest";
    case ExitKind::kInternalError:
      return fmt::format("KVM internal error {} ({:#x})", internal_error.suberror,
                         fmt::join(internal_error.data, ", "));
    case ExitKind::kMemoryFault:
      return fmt::format("KVM_RUN -> -1 {}, memory fault at {:#x}, size {:#x}, flags {:#x}",
                         call.error.Name(), memory_fault.gpa.value, memory_fault.size.count,
                         memory_fault.flags);
    case ExitKind::kFailEntry:
      return fmt::format("guest entry refused by the hardware, reason {:#x}", hardware_reason);
    case ExitKind::kInterrupted:
    case ExitKind::kFailed:
      return fmt::format("KVM_RUN -> {} {}, {}", call.ret, call.error.Name(),
                         ExitReasonName(exit_reason));
    case ExitKind::kOther:
      break;
  }
  return ExitReasonName(exit_reason);
}

void PrintTo(const GuestExit& guest_exit, std::ostream* os) { *os << guest_exit.ToString(); }

}  // namespace kct
