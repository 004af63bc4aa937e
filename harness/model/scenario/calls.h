// SPDX-License-Identifier: GPL-2.0-only
// The calls that scenarios make, in few words, and the machines that they need.
#pragma once

#include "harness/abi/uapi.h"
#include "harness/model/scenario/world.h"

namespace kct::model {

inline constexpr uint64_t kGpa = 0x100000000;
inline constexpr uint64_t kHva = 0x7f0000000000;
inline constexpr uint64_t kPage = kPageBytes;
inline constexpr uint64_t kHugePage = 512 * kPageBytes;
inline constexpr uint64_t kPrivate = KVM_MEMORY_ATTRIBUTE_PRIVATE;
inline constexpr uint64_t kMappable = GUEST_MEMFD_FLAG_MMAP;
inline constexpr uint64_t kSharedFile = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
inline constexpr uint64_t kPolicy = uint64_t{1} << 17;

// --- slots and files
Operation AddSlot(uint32_t id, uint64_t gpa, uint64_t pages);  // backed by kHva + the distance
Operation AddFileSlot(uint32_t id, uint64_t gpa, uint64_t pages, int32_t file);
Operation DeleteSlot(uint32_t id);
Operation CreateFile(uint64_t pages, uint64_t flags);
Operation CloseFile(int32_t file);
Operation Punch(int32_t file, uint64_t offset, uint64_t size);
Operation Allocate(int32_t file, uint64_t offset, uint64_t size);
Operation Poison(int32_t file, uint64_t offset);
Operation Convert(uint64_t gpa, uint64_t pages, uint64_t attributes);
// Proposed: of pages of a file; `contents` is kConvert… or 0.
Operation ConvertFile(uint64_t page, uint64_t pages, uint64_t attributes, uint64_t contents);
Operation HoldFile(uint64_t page);
Operation LetGoOfFile(uint64_t page);
// --- accesses
Operation Read(uint8_t vcpu, uint64_t gpa);
Operation Write(uint8_t vcpu, uint64_t gpa, uint64_t value);
Operation PrivateRead(uint8_t vcpu, uint64_t gpa);
Operation PrivateWrite(uint8_t vcpu, uint64_t gpa, uint64_t value);
Operation Emulated(Operation access);
Operation HostRead(uint64_t hva);
Operation HostWrite(uint64_t hva, uint64_t value);
Operation HostDrop(uint64_t hva, uint64_t pages);
Operation FileRead(int32_t file, uint64_t offset);
Operation FileWrite(int32_t file, uint64_t offset, uint64_t value);
Operation Prefault(uint64_t gpa, uint64_t pages);
Operation Accept(uint8_t vcpu, uint64_t gpa, uint64_t size);
// --- other calls of a vCPU, of a VM
Operation Call(Kind kind);
Operation OfVcpu(Kind kind, uint8_t vcpu);
Operation MayFault(Operation op);
Operation MayBeInterrupted(Operation op);
Operation WithFlags(Operation op, uint64_t flags);
Operation WithValue(Operation op, uint64_t value);
Operation WithSize(Operation op, uint64_t size);
Operation WithAddress(Operation op, uint64_t address);
Operation WithHost(Operation op, uint64_t host);

inline const std::string kDone = "0";
// Of an access that wrote; its outcome has no word.
inline const std::string kWritten = "0, word 0x0";
inline const std::string kInvalid = "-1 EINVAL";
inline const std::string kFault = "-1 EFAULT with memory fault";
inline const std::string kPrivateFault = "-1 EFAULT with private memory fault";

// --- machines
// A software-protected VM with a slot of 8 pages at kGpa that has host memory and file 0.
void MakeSoftwareProtected(World& world);
// An SNP guest whose launch has begun; the same slot, private. The first: it has not yet.
void MakeUnstartedSnp(World& world, uint64_t pages);
void MakeSnp(World& world, uint64_t pages);
void FinishSnp(World& world);
// A TD with vCPU 0, initialized; the same slot, private.
void MakeTd(World& world);
void FinishTd(World& world);

}  // namespace kct::model
