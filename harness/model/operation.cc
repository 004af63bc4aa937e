// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/operation.h"

#include <fmt/format.h>

namespace kct::model {
namespace {

std::string_view Verb(Access access) {
  switch (access) {
    case Access::kRead:
      return "reads";
    case Access::kWrite:
      return "writes";
    case Access::kExecute:
      return "executes";
  }
  return "?";
}

std::string DescribeRegion(const Operation& op) {
  return fmt::format(
      "{}(slot={:#x}, flags={:#x}, gpa={:#x}, size={:#x}, hva={:#x}{})",
      op.second_version ? "SET_USER_MEMORY_REGION2" : "SET_USER_MEMORY_REGION", op.slot, op.flags,
      op.address, op.size, op.host,
      op.gmem < 0 ? "" : fmt::format(", gmem={}, offset={:#x}", op.gmem, op.gmem_offset));
}

std::string DescribeAccess(const Operation& op) {
  return fmt::format("vcpu{} {} {:#x}{}{}", op.vcpu, Verb(op.access), op.address,
                     op.access == Access::kWrite ? fmt::format(" := {:#x}", op.value) : "",
                     op.emulated ? " (emulated)" : "");
}

}  // namespace

std::string_view Name(Kind kind) {
  switch (kind) {
    case Kind::kSetRegion:
      return "SET_USER_MEMORY_REGION";
    case Kind::kPreFault:
      return "PRE_FAULT_MEMORY";
    case Kind::kRun:
      return "RUN";
    case Kind::kAccess:
      return "access";
    case Kind::kGetDirtyLog:
      return "GET_DIRTY_LOG";
    case Kind::kDisableQuirks:
      return "DISABLE_QUIRKS";
    case Kind::kSetAttributes:
      return "SET_MEMORY_ATTRIBUTES";
    case Kind::kCreateGuestMemfd:
      return "CREATE_GUEST_MEMFD";
    case Kind::kCloseGuestMemfd:
      return "close guest_memfd";
    case Kind::kPunchGuestMemfd:
      return "punch guest_memfd";
    case Kind::kWriteHost:
      return "host write";
    case Kind::kDropHost:
      return "host drop";
    case Kind::kSetMode:
      return "SET_VCPU_EVENTS";
  }
  return "?";
}

std::string Operation::ToString() const {
  switch (kind) {
    case Kind::kSetRegion:
      return DescribeRegion(*this);
    case Kind::kPreFault:
      return fmt::format("vcpu{} PRE_FAULT_MEMORY(gpa={:#x}, size={:#x}, flags={:#x})", vcpu,
                         address, size, flags);
    case Kind::kRun:
      return fmt::format("vcpu{} RUN", vcpu);
    case Kind::kAccess:
      return DescribeAccess(*this);
    case Kind::kGetDirtyLog:
      return fmt::format("GET_DIRTY_LOG(slot={:#x})", slot);
    case Kind::kDisableQuirks:
      return fmt::format("DISABLE_QUIRKS({:#x})", flags);
    case Kind::kSetAttributes:
      return fmt::format("SET_MEMORY_ATTRIBUTES(gpa={:#x}, size={:#x}, attributes={:#x})", address,
                         size, value);
    case Kind::kCreateGuestMemfd:
      return fmt::format("CREATE_GUEST_MEMFD(size={:#x}, flags={:#x})", size, flags);
    case Kind::kCloseGuestMemfd:
      return fmt::format("close of guest_memfd {}", gmem);
    case Kind::kPunchGuestMemfd:
      return fmt::format("punch of guest_memfd {} at {:#x}, {:#x}", gmem, address, size);
    case Kind::kWriteHost:
      return fmt::format("host writes {:#x} := {:#x}", address, value);
    case Kind::kDropHost:
      return fmt::format("host drops {:#x}, {:#x}", address, size);
    case Kind::kSetMode:
      return fmt::format("vcpu{} {} system management mode", vcpu,
                         flags == 1 ? "enters" : "leaves");
  }
  return "?";
}

std::string Outcome::ToString(Kind kind) const {
  std::string text = error == Errno() ? "0" : "-1 " + error.Name();
  if (memory_fault) text += " with memory fault";
  if (kind == Kind::kPreFault && error == Errno() && left != 0) {
    text += fmt::format(", {:#x} left", left);
  }
  if (mmio) text += ", MMIO";
  if (kind == Kind::kGetDirtyLog && error == Errno()) text += fmt::format(", bits {:#x}", value);
  if (kind == Kind::kAccess && error == Errno() && !mmio)
    text += fmt::format(", word {:#x}", value);
  return text;
}

}  // namespace kct::model
