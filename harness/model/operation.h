// SPDX-License-Identifier: GPL-2.0-only
// Operation and Outcome: what somebody asked KVM, the guest's memory or the host's memory to do,
// and what came of it, in the model's words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "harness/base/errno.h"
#include "harness/base/units.h"

namespace kct::model {

enum class Kind : uint8_t {
  kSetRegion,         // KVM_SET_USER_MEMORY_REGION and …2
  kPreFault,          // KVM_PRE_FAULT_MEMORY
  kRun,               // KVM_RUN as a whole; what its guest does are operations of their own
  kAccess,            // one access of a guest's program
  kGetDirtyLog,       // KVM_GET_DIRTY_LOG
  kDisableQuirks,     // KVM_ENABLE_CAP of KVM_CAP_DISABLE_QUIRKS2
  kSetAttributes,     // KVM_SET_MEMORY_ATTRIBUTES
  kCreateGuestMemfd,  // KVM_CREATE_GUEST_MEMFD
  kCloseGuestMemfd,   // the last close of one
  kPunchGuestMemfd,   // fallocate(PUNCH_HOLE)
  kWriteHost,         // a store of the host's user space
  kDropHost,          // MADV_DONTNEED: the range reads as zeros
  kDropRoots,         // kvm.nx_huge_pages is switched: the roots of all vCPUs are obsolete
  kSetMode,           // KVM_SET_VCPU_EVENTS: into system management mode, or out of it
  // --- other areas; docs/design/model-areas.md
  kReadHost,            // a load of the host's user space, of its own memory or of a mapped file
  kAllocateGuestMemfd,  // fallocate without PUNCH_HOLE
  kPoisonGuestMemfd,    // MADV_HWPOISON of one page of a mapped file
  kCreateVcpu,          // KVM_CREATE_VCPU
  kEnableExits,         // KVM_ENABLE_CAP of KVM_CAP_EXIT_HYPERCALL
  kMapGpaRange,         // the guest asks for a conversion: KVM_HC_MAP_GPA_RANGE, a page state
                        // change of SNP, TDG.VP.VMCALL<MapGPA>
  kAnswerExit,          // KVM_RUN that goes on after the exit of kMapGpaRange
  kAccept,              // the guest's PVALIDATE, or TDG.MEM.PAGE.ACCEPT
  kSnpInit,             // KVM_SEV_INIT2
  kSnpLaunchStart,
  kSnpLaunchUpdate,
  kSnpLaunchFinish,
  kTdxInitVm,
  kTdxInitVcpu,
  kTdxInitMemRegion,
  kTdxFinalizeVm,
  kWritePageTable,  // the guest writes a page-table entry, under shadow paging
  kTranslate,       // the guest uses the translation of a page-table entry
  // --- proposed, in no released kernel; docs/design/model-areas.md
  kConvertGuestMemfd,  // KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd
  kHoldGuestMemfd,     // somebody takes (value 1) or drops (0) references to pages of one
};

std::string_view Name(Kind kind);

enum class Access : uint8_t { kRead, kWrite, kExecute };

// One structure for all kinds; the comments say who uses what.
struct Operation {
  Kind kind = Kind::kPreFault;
  uint8_t vcpu = 0;                 // kPreFault, kRun, kAccess, kSetMode: number of the vCPU
  Access access = Access::kRead;    // kAccess
  bool emulated = false;            // kAccess: KVM makes it for the guest (string I/O and the like)
  bool second_version = false;      // kSetRegion: …REGION2
  bool may_be_interrupted = false;  // a signal may have come
  bool may_fault = false;           // the host's memory may be unusable, or there may be none left
  bool may_be_poisoned = false;     // kPreFault: its next page may be poisoned
  bool is_private = false;          // kAccess, kMapGpaRange of TDX: by the address it uses
  uint32_t slot = 0;                // kSetRegion, kGetDirtyLog: id, the address space above bit 16
  uint64_t flags = 0;    // kSetRegion, kPreFault, kSetAttributes (the structure's flags field),
                         // kCreateGuestMemfd, launch commands; kDisableQuirks: the quirks;
                         // kSetMode: 1 is SMM; kRun: 1 is immediate_exit; kAllocateGuestMemfd: the
                         // mode; kAnswerExit: 1 leaves the answer as KVM preset it;
                         // kConvertGuestMemfd: what becomes of the contents
  uint64_t address = 0;  // a GPA; kWriteHost, kReadHost, kDropHost: an HVA, or an offset if gmem
                         // says a file; k…GuestMemfd: an offset
  uint64_t size = 0;   // bytes; kAccess: 8 if the word found or written is part of the story, else
                       // 0; kTdxInitVm: number of CPUID entries
  uint64_t host = 0;   // kSetRegion, kSnpLaunchUpdate, kTdxInitMemRegion: HVA
  uint64_t value = 0;  // kAccess, kWriteHost, kWritePageTable: the word written; kSetAttributes,
                       // kConvertGuestMemfd,
                       // kMapGpaRange: the attributes (SNP: the page state); kAnswerExit: the
                       // answer; kRun: the argument; kEnableExits: the mask; kSnpLaunchStart: the
                       // policy; kSnpLaunchUpdate: the page type
  int32_t gmem = -1;   // kSetRegion, k…GuestMemfd, kReadHost, kWriteHost: number of the file; -1:
                       // none; -2 in kSetRegion: a file that is no guest_memfd of this VM
  uint64_t gmem_offset = 0;  // kSetRegion: bytes

  bool operator==(const Operation&) const = default;
  Gpa gpa() const { return {address}; }
  std::string ToString() const;
};

struct Outcome {
  Errno error;
  uint64_t left = 0;     // kPreFault, kSnpLaunchUpdate, kTdxInitMemRegion: bytes not done, from
                         // the structure; an exit of kMapGpaRange: bytes
  uint64_t address = 0;  // the same: where it goes on; an exit: its GPA; kAnswerExit of TDX: the
                         // GPA that the guest is told; kConvertGuestMemfd that failed: the offset
                         // of the page in the way
  uint64_t value = 0;    // kAccess, kReadHost that read memory: the word; kGetDirtyLog: bits of
                         // 64 pages; kMapGpaRange, kAnswerExit: what the guest is told, in an
                         // exit the attributes; kTranslate: the translation
  bool mmio = false;     // kAccess: it was an exit, no memory
  bool memory_fault = false;      // kAccess, kPreFault: the failure is described in kvm_run
  bool fault_is_private = false;  // … with KVM_MEMORY_EXIT_FLAG_PRIVATE
  bool exits = false;             // kMapGpaRange, kAnswerExit: an exit to user space
  bool exception = false;         // kAccess: the guest got an exception instead

  bool operator==(const Outcome&) const = default;
  std::string ToString(Kind kind) const;
};

}  // namespace kct::model
