// SPDX-License-Identifier: GPL-2.0-only
// Call<Arg>: one ioctl as user space saw it: what was asked, what came back, when.
//
// An errno is data here, never an accident: nothing between the ioctl and the judge loses or
// replaces it. CallRecord is the same without the argument's type, for histories of many calls.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "harness/abi/proposed.h"
#include "harness/abi/uapi.h"
#include "harness/base/errno.h"
#include "harness/base/units.h"

namespace kct {

struct NoArg {
  bool operator==(const NoArg&) const = default;
};

// Up to five words of an argument, in the order of IoctlInfo::fields.
using ArgWords = std::array<uint64_t, 5>;

inline ArgWords WordsOf(NoArg) { return {}; }
inline ArgWords WordsOf(unsigned long value) { return {value}; }
inline ArgWords WordsOf(const kvm_pre_fault_memory& arg) { return {arg.gpa, arg.size, arg.flags}; }
inline ArgWords WordsOf(const kvm_userspace_memory_region& arg) {
  return {arg.slot, arg.flags, arg.guest_phys_addr, arg.memory_size, arg.userspace_addr};
}
inline ArgWords WordsOf(const kvm_userspace_memory_region2& arg) {
  return {arg.slot, arg.flags, arg.guest_phys_addr, arg.memory_size, arg.userspace_addr};
}
inline ArgWords WordsOf(const kvm_enable_cap& arg) { return {arg.cap, arg.flags, arg.args[0]}; }
inline ArgWords WordsOf(const kvm_dirty_log& arg) { return {arg.slot}; }
inline ArgWords WordsOf(const kvm_clear_dirty_log& log) {
  return {log.slot, log.num_pages, log.first_page};
}
inline ArgWords WordsOf(const kvm_create_guest_memfd& arg) { return {arg.size, arg.flags}; }
inline ArgWords WordsOf(const kvm_memory_attributes& arg) {
  return {arg.address, arg.size, arg.attributes, arg.flags};
}
inline ArgWords WordsOf(const KvmMemoryAttributes2& arg) {
  return {arg.offset, arg.size, arg.attributes, arg.flags, arg.error_offset};
}

struct CallRecord {
  unsigned long request = 0;   // ioctl number; names and fields: harness/abi/ioctls.h
  const char* what = nullptr;  // name of a call that is not an ioctl; its words are unnamed
  int ret = 0;                 // what ioctl(2) returned
  Errno error;                 // 0 unless ret is -1
  ArgWords before{};           // argument as passed
  ArgWords after{};            // argument as the kernel left it
  uint64_t begin = 0;          // TSC just before the call
  uint64_t end = 0;            // TSC just after it

  bool ok() const { return ret >= 0; }
  // Whether the two calls overlapped in time.
  bool Overlaps(const CallRecord& other) const { return begin < other.end && other.begin < end; }
  // "PRE_FAULT_MEMORY(gpa=0x100000000, size=0x1000, flags=0) -> -1 EAGAIN". Fields that the kernel
  // changed follow: "; now size=0".
  std::string ToString() const;
  // "EAGAIN", "0", "0 with a remainder": short, for counting answers.
  std::string Answer() const;
};

template <typename Arg>
struct Call {
  unsigned long request = 0;
  int ret = 0;
  Errno error;
  Arg before{};
  Arg after{};
  uint64_t begin = 0;
  uint64_t end = 0;

  bool ok() const { return ret >= 0; }
  CallRecord Record() const {
    return {.request = request,
            .ret = ret,
            .error = error,
            .before = WordsOf(before),
            .after = WordsOf(after),
            .begin = begin,
            .end = end};
  }
  operator CallRecord() const { return Record(); }
};

using PreFaultCall = Call<kvm_pre_fault_memory>;
using MemoryRegionCall = Call<kvm_userspace_memory_region>;
using MemoryRegion2Call = Call<kvm_userspace_memory_region2>;
using RunCall = Call<NoArg>;

// GoogleTest prints calls through these.
void PrintTo(const CallRecord& record, std::ostream* os);
template <typename Arg>
void PrintTo(const Call<Arg>& call, std::ostream* os) {
  PrintTo(call.Record(), os);
}

}  // namespace kct
