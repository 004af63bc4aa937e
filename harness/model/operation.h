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
  kSetMode,           // KVM_SET_VCPU_EVENTS: into system management mode, or out of it
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
  bool may_fault = false;           // the host's memory may be unusable
  bool may_be_poisoned = false;     // kPreFault: its next page may be poisoned
  uint32_t slot = 0;                // kSetRegion, kGetDirtyLog: id, the address space above bit 16
  uint64_t flags = 0;    // kSetRegion, kPreFault, kSetAttributes (the structure's flags field),
                         // kCreateGuestMemfd; kDisableQuirks: the quirks; kSetMode: 1 is SMM
  uint64_t address = 0;  // a GPA; kWriteHost, kDropHost: an HVA; kPunchGuestMemfd: an offset
  uint64_t size = 0;  // bytes; kAccess: 8 if the word found or written is part of the story, else 0
  uint64_t host = 0;  // kSetRegion: HVA
  uint64_t value = 0;  // kAccess, kWriteHost: the word written; kSetAttributes: the attributes
  int32_t gmem = -1;   // kSetRegion, k…GuestMemfd: number of the file; -1: none
  uint64_t gmem_offset = 0;  // kSetRegion: bytes

  bool operator==(const Operation&) const = default;
  Gpa gpa() const { return {address}; }
  std::string ToString() const;
};

struct Outcome {
  Errno error;
  uint64_t left = 0;          // kPreFault: bytes not done, from the structure
  uint64_t address = 0;       // kPreFault: where it goes on, from the structure
  uint64_t value = 0;         // kAccess that reads memory: the word; kGetDirtyLog: bits of 64 pages
  bool mmio = false;          // kAccess: it was an exit, no memory
  bool memory_fault = false;  // kAccess, kPreFault: the failure is described in kvm_run

  bool operator==(const Outcome&) const = default;
  std::string ToString(Kind kind) const;
};

}  // namespace kct::model
