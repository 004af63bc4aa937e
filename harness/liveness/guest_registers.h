// SPDX-License-Identifier: GPL-2.0-only
// Where a guest was: the registers of a vCPU whose KVM_RUN did not come back by itself.
#pragma once

#include <string>
#include <vector>

#include "harness/abi/uapi.h"

namespace kct {

// Of the vCPU with this file descriptor, in lines for a report; one that says why, where KVM does
// not tell. KVM answers only while no other call on the vCPU is under way: until then this blocks.
// The calls pass by everything that watches or falsifies calls.
std::vector<std::string> GuestRegisters(int vcpu_fd);

// The lines: "rip 0x1402f0  rsp … 64-bit", then the general registers.
std::vector<std::string> DescribeRegisters(const kvm_regs& regs, const kvm_sregs& sregs);

}  // namespace kct
