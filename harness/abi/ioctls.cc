// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/ioctls.h"

#include <fmt/format.h>

#include <ostream>

#include "harness/abi/call.h"

namespace kct {
namespace {

#define KCT_IOCTL(name, ...)           \
  IoctlInfo {                          \
#name, KVM_##name, { __VA_ARGS__ } \
  }
constexpr std::array kIoctls{
    KCT_IOCTL(GET_API_VERSION),
    KCT_IOCTL(CREATE_VM, "type"),
    KCT_IOCTL(CHECK_EXTENSION, "cap"),
    KCT_IOCTL(GET_VCPU_MMAP_SIZE),
    IoctlInfo{"GET_SUPPORTED_CPUID", kKvmGetSupportedCpuid, {}},
    KCT_IOCTL(CREATE_VCPU, "id"),
    KCT_IOCTL(SET_USER_MEMORY_REGION, "slot", "flags", "gpa", "size", "hva"),
    KCT_IOCTL(SET_USER_MEMORY_REGION2, "slot", "flags", "gpa", "size", "hva"),
    KCT_IOCTL(GET_DIRTY_LOG, "slot"),
    KCT_IOCTL(CLEAR_DIRTY_LOG, "slot", "pages", "first"),
    KCT_IOCTL(RESET_DIRTY_RINGS),
    KCT_IOCTL(ENABLE_CAP, "cap", "flags", "arg0"),
    KCT_IOCTL(CREATE_GUEST_MEMFD, "size", "flags"),
    KCT_IOCTL(SET_MEMORY_ATTRIBUTES, "gpa", "size", "attributes", "flags"),
    IoctlInfo{"SET_MEMORY_ATTRIBUTES2",
              kKvmSetMemoryAttributes2,
              {"offset", "size", "attributes", "flags", "error_offset"}},
    KCT_IOCTL(GET_STATS_FD),
    KCT_IOCTL(RUN),
    KCT_IOCTL(GET_REGS),
    KCT_IOCTL(SET_REGS),
    KCT_IOCTL(GET_SREGS),
    KCT_IOCTL(SET_SREGS),
    IoctlInfo{"SET_CPUID2", kKvmSetCpuid2, {}},
    KCT_IOCTL(GET_VCPU_EVENTS),
    KCT_IOCTL(SET_VCPU_EVENTS),
    KCT_IOCTL(SMI),
    KCT_IOCTL(PRE_FAULT_MEMORY, "gpa", "size", "flags"),
};
#undef KCT_IOCTL

std::string FieldList(const IoctlInfo& info, const ArgWords& words) {
  std::string text;
  for (std::size_t i = 0; i < info.fields.size() && !info.fields[i].empty(); ++i) {
    text += fmt::format("{}{}={:#x}", i == 0 ? "" : ", ", info.fields[i], words[i]);
  }
  return text;
}

std::string ChangedFields(const IoctlInfo& info, const CallRecord& record) {
  std::string text;
  for (std::size_t i = 0; i < info.fields.size() && !info.fields[i].empty(); ++i) {
    if (record.before[i] != record.after[i]) {
      text +=
          fmt::format("{} {}={:#x}", text.empty() ? "; now" : ",", info.fields[i], record.after[i]);
    }
  }
  return text;
}

}  // namespace

const IoctlInfo* FindIoctl(unsigned long request) {
  for (const IoctlInfo& info : kIoctls) {
    if (info.request == request) return &info;
  }
  return nullptr;
}

std::string CallRecord::ToString() const {
  if (what != nullptr) {
    return fmt::format("{}({:#x}, {:#x}) -> {}{}", what, before[0], before[1], ret,
                       ok() ? "" : " " + error.Name());
  }
  const IoctlInfo* info = FindIoctl(request);
  if (info == nullptr) return fmt::format("ioctl {:#x} -> {} {}", request, ret, error.Name());
  return fmt::format("{}({}) -> {}{}{}", info->name, FieldList(*info, before), ret,
                     ok() ? "" : " " + error.Name(), ChangedFields(*info, *this));
}

std::string CallRecord::Answer() const {
  if (!ok()) return error.Name();
  const bool remainder = request == KVM_PRE_FAULT_MEMORY && after[1] != 0;
  return remainder ? "0 with a remainder" : fmt::format("{}", ret);
}

namespace {

template <typename Arg>
ArgWords WordsAt(uintptr_t argument) {
  return WordsOf(*reinterpret_cast<const Arg*>(argument));
}

ArgWords WordsOfArgument(unsigned long request, uintptr_t argument) {
  switch (request) {
    case KVM_PRE_FAULT_MEMORY:
      return WordsAt<kvm_pre_fault_memory>(argument);
    case KVM_SET_USER_MEMORY_REGION:
      return WordsAt<kvm_userspace_memory_region>(argument);
    case KVM_SET_USER_MEMORY_REGION2:
      return WordsAt<kvm_userspace_memory_region2>(argument);
    case KVM_ENABLE_CAP:
      return WordsAt<kvm_enable_cap>(argument);
    default:
      return {argument};
  }
}

}  // namespace

std::string DescribeCall(unsigned long request, uintptr_t argument) {
  const IoctlInfo* info = FindIoctl(request);
  if (info == nullptr) return fmt::format("ioctl {:#x}", request);
  return fmt::format("{}({})", info->name, FieldList(*info, WordsOfArgument(request, argument)));
}

void PrintTo(const CallRecord& record, std::ostream* os) { *os << record.ToString(); }

}  // namespace kct
