// SPDX-License-Identifier: GPL-2.0-only
// What hosts and the hypervisor payload agree on: AMD's control block (VMCB), as far as it is used
// here, and what the hypervisor does for its guest.
#pragma once

// Offsets in a control block (AMD64 Architecture Programmer's Manual, volume 2, appendix B).
#define GUEST_VMCB_ASID 0x58
#define GUEST_VMCB_TLB_CONTROL 0x5c
#define GUEST_VMCB_EXIT_CODE 0x70
#define GUEST_VMCB_EXIT_INFO_1 0x78
#define GUEST_VMCB_EXIT_INFO_2 0x80
#define GUEST_VMCB_RIP 0x578
#define GUEST_VMCB_RAX 0x5f8

#define GUEST_VMCB_FLUSH_ALL 1  // of TLB_CONTROL, for the next VMRUN

#define GUEST_EXIT_VMMCALL 0x81
#define GUEST_EXIT_NESTED_PAGE_FAULT 0x400

#define GUEST_MSR_VM_HSAVE_PA 0xc0010117

// The hypervisor's OUT of 8 bits whenever its guest has left for something else than a hypercall.
#define GUEST_HYPERVISOR_PORT 0xd0

// Hypercalls (number in RAX, arguments in RBX and RCX). Any other number does nothing.
#define GUEST_CALL_FLUSH 1       // the next VMRUN flushes all translations
#define GUEST_CALL_NEW_ASID 2    // the next VMRUN uses the next ASID
#define GUEST_CALL_INVALIDATE 3  // INVLPGA of the address RBX for the ASID RCX
#define GUEST_CALL_STORE 4       // 8 bytes, RCX, to the hypervisor's address RBX

#ifndef __ASSEMBLER__

#include <cstdint>

namespace kct::guest {

inline constexpr uint16_t kHypervisorPort = GUEST_HYPERVISOR_PORT;

enum class HypervisorCall : uint64_t {
  kFlush = GUEST_CALL_FLUSH,
  kNewAsid = GUEST_CALL_NEW_ASID,
  kInvalidate = GUEST_CALL_INVALIDATE,
  kStore = GUEST_CALL_STORE,
};

}  // namespace kct::guest

#endif  // __ASSEMBLER__
