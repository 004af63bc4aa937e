// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/operation.h"

#include <fmt/format.h>

#include <cerrno>

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
  return fmt::format("vcpu{} {} {}{:#x}{}{}", op.vcpu, Verb(op.access),
                     op.is_private ? "private " : "", op.address,
                     op.access == Access::kWrite ? fmt::format(" := {:#x}", op.value) : "",
                     op.emulated ? " (emulated)" : "");
}

std::string DescribeFile(const Operation& op) {
  return op.gmem < 0 ? "" : fmt::format("guest_memfd {} at ", op.gmem);
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
    case Kind::kDropRoots:
      return "nx_huge_pages";
    case Kind::kSetMode:
      return "SET_VCPU_EVENTS";
    case Kind::kReadHost:
      return "host read";
    case Kind::kAllocateGuestMemfd:
      return "allocate guest_memfd";
    case Kind::kPoisonGuestMemfd:
      return "poison guest_memfd";
    case Kind::kCreateVcpu:
      return "CREATE_VCPU";
    case Kind::kEnableExits:
      return "EXIT_HYPERCALL";
    case Kind::kMapGpaRange:
      return "MAP_GPA_RANGE";
    case Kind::kAnswerExit:
      return "answer";
    case Kind::kAccept:
      return "accept";
    case Kind::kSnpInit:
      return "SEV_INIT2";
    case Kind::kSnpLaunchStart:
      return "SNP_LAUNCH_START";
    case Kind::kSnpLaunchUpdate:
      return "SNP_LAUNCH_UPDATE";
    case Kind::kSnpLaunchFinish:
      return "SNP_LAUNCH_FINISH";
    case Kind::kTdxInitVm:
      return "TDX_INIT_VM";
    case Kind::kTdxInitVcpu:
      return "TDX_INIT_VCPU";
    case Kind::kTdxInitMemRegion:
      return "TDX_INIT_MEM_REGION";
    case Kind::kTdxFinalizeVm:
      return "TDX_FINALIZE_VM";
    case Kind::kWritePageTable:
      return "page-table write";
    case Kind::kTranslate:
      return "translation";
    case Kind::kConvertGuestMemfd:
      return "convert guest_memfd";
    case Kind::kHoldGuestMemfd:
      return "hold guest_memfd";
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
      return fmt::format("host writes {}{:#x} := {:#x}", DescribeFile(*this), address, value);
    case Kind::kReadHost:
      return fmt::format("host reads {}{:#x}", DescribeFile(*this), address);
    case Kind::kDropHost:
      return fmt::format("host drops {:#x}, {:#x}", address, size);
    case Kind::kDropRoots:
      return "nx_huge_pages is switched";
    case Kind::kSetMode:
      return fmt::format("vcpu{} {} system management mode", vcpu,
                         flags == 1 ? "enters" : "leaves");
    case Kind::kAllocateGuestMemfd:
      return fmt::format("allocation of guest_memfd {} at {:#x}, {:#x}, mode {:#x}", gmem, address,
                         size, flags);
    case Kind::kPoisonGuestMemfd:
      return fmt::format("poison in guest_memfd {} at {:#x}", gmem, address);
    case Kind::kCreateVcpu:
    case Kind::kTdxInitVcpu:
      return fmt::format("{} of vcpu{}", Name(kind), vcpu);
    case Kind::kMapGpaRange:
      return fmt::format("vcpu{} asks MAP_GPA_RANGE({:#x}, {:#x}, {:#x})", vcpu, address, size,
                         value);
    case Kind::kAnswerExit:
      return fmt::format("vcpu{} goes on with answer {:#x}", vcpu, value);
    case Kind::kAccept:
      return fmt::format("vcpu{} accepts {:#x}, {:#x}", vcpu, address, size);
    case Kind::kWritePageTable:
      return fmt::format("vcpu{} writes page-table entry {:#x} := {:#x}", vcpu, address, value);
    case Kind::kTranslate:
      return fmt::format("vcpu{} translates by entry {:#x}", vcpu, address);
    case Kind::kConvertGuestMemfd:
      return fmt::format("conversion of guest_memfd {} at {:#x}, {:#x}, attributes {:#x}, mode {}",
                         gmem, address, size, value, flags);
    case Kind::kHoldGuestMemfd:
      return fmt::format("somebody {} guest_memfd {} at {:#x}, {:#x}",
                         value != 0 ? "holds" : "lets go of", gmem, address, size);
    default:
      return fmt::format("{}(gpa={:#x}, size={:#x}, hva={:#x}, value={:#x}, flags={:#x})",
                         Name(kind), address, size, host, value, flags);
  }
  return "?";
}

std::string Outcome::ToString(Kind kind) const {
  std::string text = error == Errno() ? "0" : "-1 " + error.Name();
  if (memory_fault) text += fault_is_private ? " with private memory fault" : " with memory fault";
  const bool counts =
      kind == Kind::kPreFault || kind == Kind::kSnpLaunchUpdate || kind == Kind::kTdxInitMemRegion;
  if (counts && left != 0 && (error == Errno() || kind == Kind::kTdxInitMemRegion)) {
    text += fmt::format(", {:#x} left", left);
  }
  if (kind == Kind::kConvertGuestMemfd && error == Errno(EAGAIN)) {
    text += fmt::format(" for {:#x}", address);
  }
  if (mmio) text += ", MMIO";
  if (exception) text += ", exception in the guest";
  if (error != Errno()) return text;
  switch (kind) {
    case Kind::kGetDirtyLog:
      return text + fmt::format(", bits {:#x}", value);
    case Kind::kAccess:
    case Kind::kReadHost:
      return mmio || exception ? text : text + fmt::format(", word {:#x}", value);
    case Kind::kMapGpaRange:
    case Kind::kAnswerExit:
      if (exits) {
        return text + fmt::format(", exit for {:#x}, {:#x} as {:#x}", address, left, value);
      }
      return text + fmt::format(", guest told {:#x}", value) +
             (address != 0 ? fmt::format(" at {:#x}", address) : "");
    case Kind::kAccept:
      return value == 0 ? text : text + fmt::format(", guest told {:#x}", value);
    case Kind::kTranslate:
      return text + fmt::format(", translation {:#x}", value);
    default:
      return text;
  }
}

}  // namespace kct::model
