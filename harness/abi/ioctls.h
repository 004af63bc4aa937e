// SPDX-License-Identifier: GPL-2.0-only
// The table of the ioctls that kct issues: name, number, the argument's fields for printing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace kct {

struct IoctlInfo {
  std::string_view name;  // without KVM_
  unsigned long request;
  std::array<std::string_view, 5> fields;  // names of WordsOf(argument); "" ends the list
};

// The entry of an ioctl number, or nullptr.
const IoctlInfo* FindIoctl(unsigned long request);

// An ioctl with its argument as it is in memory now: "PRE_FAULT_MEMORY(gpa=0x1000, size=0x2000,
// flags=0x0)". For calls that have not returned; `argument` is what ioctl(2) was given.
std::string DescribeCall(unsigned long request, uintptr_t argument);

}  // namespace kct
