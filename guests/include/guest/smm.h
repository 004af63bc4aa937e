// SPDX-License-Identifier: GPL-2.0-only
// What hosts and the payload for system management mode agree on. All offsets are from SMBASE, as
// the CPU comes out of its reset with it.
#pragma once

#define GUEST_SMBASE 0x30000
#define GUEST_SMM_ENTRY 0x8000
#define GUEST_SMM_SIZE 0x10000  // what belongs to system management mode, from SMBASE on

// An order, of 32 bits each: what, where, and the value to write or that was read.
#define GUEST_SMM_ORDER 0x9000
#define GUEST_SMM_ADDRESS 0x9004
#define GUEST_SMM_VALUE 0x9008
#define GUEST_SMM_CR3 0x900c  // of 32-bit tables that map the first MiB to itself, to read by

#define GUEST_SMM_WRITE 1  // to the physical address
#define GUEST_SMM_READ 2   // from the linear address, with paging on
