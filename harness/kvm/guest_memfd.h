// SPDX-License-Identifier: GPL-2.0-only
// GuestMemfd: memory of a VM as a file, and slots that take their pages from it.
//
//   KCT_TRY(GuestMemfd file, GuestMemfd::Create(vm, Pages(4)));
//   KCT_TRY(Mapping memory, file.Map());
//   const GuestMemfdSlot slot(vm, file, {.slot = 100, .gpa = 1_GiB_gpa, .size = Pages(4)});
//   EXPECT_THAT(slot.Bind(), Succeeds());
//   EXPECT_THAT(file.Punch({0, kPage}), Succeeds());
#pragma once

#include "harness/abi/files.h"
#include "harness/abi/proposed.h"
#include "harness/kvm/vm.h"

namespace kct {

class GuestMemfd {
 public:
  // A file that user space can map, and whose pages it may touch.
  static constexpr uint64_t kShared = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;

  static Result<GuestMemfd> Create(const Vm& vm, Bytes size, uint64_t flags = kShared);

  int fd() const { return fd_.get(); }
  Bytes size() const { return size_; }
  FileRange all() const { return {0, size_}; }

  // Each is one system call, which the watchdog sees.
  CallRecord Punch(FileRange range) const;
  CallRecord Allocate(FileRange range) const;
  CallRecord Close();
  // Proposed: KVM_SET_MEMORY_ATTRIBUTES2. `contents` is kConvert… or 0.
  Call<KvmMemoryAttributes2> Convert(FileRange range, uint64_t attributes, uint64_t contents) const;

  // The whole file. Error: the kernel refused.
  Result<Mapping> Map() const;

 private:
  GuestMemfd(UniqueFd fd, Bytes size) : fd_(std::move(fd)), size_(size) {}
  UniqueFd fd_;
  Bytes size_;
};

// A slot as it is when it is there; Bind and Delete may alternate.
class GuestMemfdSlot {
 public:
  struct Place {
    uint32_t slot;
    Gpa gpa;
    Bytes size;
    uint64_t offset = 0;
    Hva userspace_addr = {0};
  };

  GuestMemfdSlot(const Vm& vm, const GuestMemfd& file, const Place& place);

  GpaRange range() const { return {{region_.guest_phys_addr}, {region_.memory_size}}; }
  const kvm_userspace_memory_region2& region() const { return region_; }

  // Each is one KVM_SET_USER_MEMORY_REGION2.
  MemoryRegion2Call Bind() const;
  MemoryRegion2Call Delete() const;

 private:
  int vm_fd_;
  kvm_userspace_memory_region2 region_;
};

}  // namespace kct
