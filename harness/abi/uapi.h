// SPDX-License-Identifier: GPL-2.0-only
// The kernel's own words for KVM, from <linux/kvm.h>, plus what headers older than 7.3 lack.
//
// Names, numbers and layouts are the kernel's. Each gap filled here is checked below by size,
// offset and number; with newer headers the same checks run against the kernel's own definition,
// so a mistake of ours, or a change of theirs, does not compile.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>

#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD (1UL << 2)
#endif

#ifndef KVM_SET_USER_MEMORY_REGION2
struct kvm_userspace_memory_region2 {
  __u32 slot;
  __u32 flags;
  __u64 guest_phys_addr;
  __u64 memory_size;
  __u64 userspace_addr;
  __u64 guest_memfd_offset;
  __u32 guest_memfd;
  __u32 pad1;
  __u64 pad2[14];
};
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif

#ifndef KVM_CREATE_GUEST_MEMFD
struct kvm_create_guest_memfd {
  __u64 size;
  __u64 flags;
  __u64 reserved[6];
};
#define KVM_CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, struct kvm_create_guest_memfd)
#endif
#ifndef GUEST_MEMFD_FLAG_MMAP
#define GUEST_MEMFD_FLAG_MMAP (1ULL << 0)
#endif
#ifndef GUEST_MEMFD_FLAG_INIT_SHARED
#define GUEST_MEMFD_FLAG_INIT_SHARED (1ULL << 1)
#endif

#ifndef KVM_SET_MEMORY_ATTRIBUTES
struct kvm_memory_attributes {
  __u64 address;
  __u64 size;
  __u64 attributes;
  __u64 flags;
};
#define KVM_SET_MEMORY_ATTRIBUTES _IOW(KVMIO, 0xd2, struct kvm_memory_attributes)
#endif

#ifndef KVM_PRE_FAULT_MEMORY
struct kvm_pre_fault_memory {
  __u64 gpa;
  __u64 size;
  __u64 flags;
  __u64 padding[5];
};
#define KVM_PRE_FAULT_MEMORY _IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

#ifndef KVM_CAP_USER_MEMORY2
#define KVM_CAP_USER_MEMORY2 231
#endif
#ifndef KVM_CAP_MEMORY_FAULT_INFO
#define KVM_CAP_MEMORY_FAULT_INFO 232
#endif
#ifndef KVM_CAP_MEMORY_ATTRIBUTES
#define KVM_CAP_MEMORY_ATTRIBUTES 233
#endif
#ifndef KVM_CAP_GUEST_MEMFD
#define KVM_CAP_GUEST_MEMFD 234
#endif
#ifndef KVM_CAP_VM_TYPES
#define KVM_CAP_VM_TYPES 235
#endif
#ifndef KVM_CAP_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236
#endif
#ifndef KVM_CAP_GUEST_MEMFD_FLAGS
#define KVM_CAP_GUEST_MEMFD_FLAGS 244
#endif

#ifndef KVM_MEMORY_ATTRIBUTE_PRIVATE
#define KVM_MEMORY_ATTRIBUTE_PRIVATE (1ULL << 3)
#endif
#ifndef KVM_SEV_SNP_PAGE_TYPE_NORMAL
#define KVM_SEV_SNP_PAGE_TYPE_NORMAL 0x1
#define KVM_SEV_SNP_PAGE_TYPE_ZERO 0x3
#define KVM_SEV_SNP_PAGE_TYPE_UNMEASURED 0x4
#define KVM_SEV_SNP_PAGE_TYPE_SECRETS 0x5
#define KVM_SEV_SNP_PAGE_TYPE_CPUID 0x6
#endif
#ifndef KVM_TDX_MEASURE_MEMORY_REGION
#define KVM_TDX_MEASURE_MEMORY_REGION (1UL << 0)
#endif
#ifndef KVM_X86_DEFAULT_VM
#define KVM_X86_DEFAULT_VM 0
#endif
#ifndef KVM_X86_SW_PROTECTED_VM
#define KVM_X86_SW_PROTECTED_VM 1
#endif
#ifndef KVM_X86_QUIRK_SLOT_ZAP_ALL
#define KVM_X86_QUIRK_SLOT_ZAP_ALL (1 << 7)
#endif
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif
#ifndef KVM_MEMORY_EXIT_FLAG_PRIVATE
#define KVM_MEMORY_EXIT_FLAG_PRIVATE (1ULL << 3)
#endif
#ifndef KVM_INTERNAL_ERROR_DELIVERY_EV
#define KVM_INTERNAL_ERROR_DELIVERY_EV 3
#endif

// BEWARE: structures of <linux/kvm.h> that end in a flexible array are larger in C++ than in C (the
// empty struct inside the kernel's macro takes a byte), and ioctl numbers made from their size are
// wrong, too. Here are the true heads of those that kct uses, and the numbers that C programs get.
struct KvmCpuid2Head {
  __u32 nent;
  __u32 padding;
};
inline constexpr unsigned long kKvmGetSupportedCpuid = _IOWR(KVMIO, 0x05, KvmCpuid2Head);
inline constexpr unsigned long kKvmSetCpuid2 = _IOW(KVMIO, 0x90, KvmCpuid2Head);
// The head of a descriptor of KVM_GET_STATS_FD; the name, of the size that the header says,
// follows.
struct KvmStatsDescHead {
  __u32 flags;
  __s16 exponent;
  __u16 size;
  __u32 offset;
  __u32 bucket_size;
};
static_assert(sizeof(KvmStatsDescHead) == 16);
static_assert(kKvmGetSupportedCpuid == 0xc008ae05 && kKvmSetCpuid2 == 0x4008ae90);

// What KVM_EXIT_MEMORY_FAULT leaves in the exit union of struct kvm_run.
struct KvmRunMemoryFault {
  __u64 flags;
  __u64 gpa;
  __u64 size;
};
inline constexpr std::size_t kKvmRunExitUnionOffset = 32;

static_assert(KVM_SET_USER_MEMORY_REGION2 == 0x40a0ae49);
static_assert(sizeof(kvm_userspace_memory_region2) == 160);
static_assert(offsetof(kvm_userspace_memory_region2, guest_memfd_offset) == 32);
static_assert(offsetof(kvm_userspace_memory_region2, guest_memfd) == 40);
static_assert(KVM_CREATE_GUEST_MEMFD == 0xc040aed4 && sizeof(kvm_create_guest_memfd) == 64);
static_assert(KVM_SET_MEMORY_ATTRIBUTES == 0x4020aed2 && sizeof(kvm_memory_attributes) == 32);
static_assert(offsetof(kvm_memory_attributes, attributes) == 16);
static_assert(KVM_PRE_FAULT_MEMORY == 0xc040aed5 && sizeof(kvm_pre_fault_memory) == 64);
static_assert(offsetof(kvm_pre_fault_memory, flags) == 16);
static_assert(KVM_CAP_USER_MEMORY2 == 231 && KVM_CAP_GUEST_MEMFD == 234);
static_assert(KVM_CAP_MEMORY_FAULT_INFO == 232 && KVM_CAP_PRE_FAULT_MEMORY == 236);
static_assert(KVM_CAP_MEMORY_ATTRIBUTES == 233 && KVM_CAP_VM_TYPES == 235);
static_assert(KVM_CAP_GUEST_MEMFD_FLAGS == 244 && KVM_X86_QUIRK_SLOT_ZAP_ALL == 128);
static_assert(KVM_MEMORY_EXIT_FLAG_PRIVATE == 8);
static_assert(KVM_EXIT_MEMORY_FAULT == 39 && KVM_MEM_GUEST_MEMFD == 4);
static_assert(GUEST_MEMFD_FLAG_MMAP == 1 && GUEST_MEMFD_FLAG_INIT_SHARED == 2);
static_assert(KVM_MEMORY_ATTRIBUTE_PRIVATE == 8 && KVM_SEV_SNP_PAGE_TYPE_CPUID == 6);
static_assert(offsetof(kvm_run, mmio) == kKvmRunExitUnionOffset);
static_assert(offsetof(kvm_run, exit_reason) == 8 && offsetof(kvm_run, immediate_exit) == 1);
