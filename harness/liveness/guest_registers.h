// SPDX-License-Identifier: GPL-2.0-only
// Where a guest was: the registers of a vCPU whose KVM_RUN did not come back by itself.
#pragma once

#include <string>
#include <vector>

#include "harness/abi/uapi.h"

namespace kct {

struct GuestRegisters {
  std::vector<std::string> lines;  // for a report; one that says why, where KVM does not tell
  bool derailed = false;           // it was where no program of kct ever is
};

// Of the vCPU with this file descriptor. KVM answers only while no other call on the vCPU is under
// way: until then this blocks. The calls pass by everything that watches or falsifies calls.
GuestRegisters RegistersOf(int vcpu_fd);

// All guest programs are in the lower half of the address space. An RIP in the upper one is the
// kernel's under test: the vCPU was entered, or left, with registers that are not its guest's.
bool IsDerailed(const kvm_regs& regs);

// The lines: "rip 0x1402f0  rsp … 64-bit", then the general registers.
std::vector<std::string> DescribeRegisters(const kvm_regs& regs, const kvm_sregs& sregs);

}  // namespace kct
