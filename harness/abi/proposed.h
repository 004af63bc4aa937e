// SPDX-License-Identifier: GPL-2.0-only
// ABI that was posted and is in no released kernel. It may come with other numbers and names, or
// never: nothing but the tests of clauses with the standing "proposed" may use it.
#pragma once

#include "harness/abi/uapi.h"

// "Improve KVM + userfaultfd performance via KVM_EXIT_MEMORY_FAULTs on stage-2 faults" (2023) and
// "KVM: Introduce KVM Userfault" (2024, 2025): flags of a slot, of which the second takes the place
// of the first. Both are the bit after KVM_MEM_GUEST_MEMFD; only the second ioctl for slots knows
// the bitmap.
inline constexpr __u32 kMemExitOnMissing = 1 << 3;  // KVM_MEM_EXIT_ON_MISSING
inline constexpr __u32 kMemUserfault = 1 << 3;      // KVM_MEM_USERFAULT
// Where kvm_userspace_memory_region2 has the address of the bitmap: its first padding of 8 bytes.
inline constexpr int kUserfaultBitmapInPad2 = 0;
inline constexpr __u64 kMemoryExitFlagUserfault = 1 << 4;  // KVM_MEMORY_EXIT_FLAG_USERFAULT

// "guest_memfd: In-place conversion support", as posted in versions 3 to 8 (March to June 2026):
// KVM_SET_MEMORY_ATTRIBUTES2, an ioctl of a guest_memfd. The number of the capability that goes
// with it has changed from version to version, so the ioctl itself is what can be asked for.
struct KvmMemoryAttributes2 {
  __u64 offset;  // in the file
  __u64 size;
  __u64 attributes;
  __u64 flags;
  __u64 error_offset;  // filled in by the kernel: the page that is in the way
  __u64 reserved[11];
};
inline constexpr unsigned long kKvmSetMemoryAttributes2 = _IOWR(KVMIO, 0xd2, KvmMemoryAttributes2);

// Flags: what becomes of the contents. With neither of them nobody promises anything.
inline constexpr __u64 kConvertZeroes = 1;     // KVM_SET_MEMORY_ATTRIBUTES2_ZERO
inline constexpr __u64 kConvertPreserves = 2;  // KVM_SET_MEMORY_ATTRIBUTES2_PRESERVE

static_assert(sizeof(KvmMemoryAttributes2) == 128);
static_assert(offsetof(KvmMemoryAttributes2, error_offset) == 32);
