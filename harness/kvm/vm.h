// SPDX-License-Identifier: GPL-2.0-only
// Vm: a virtual machine, and the ioctls of its file descriptor under their own names.
//
//   KCT_TRY(Vm vm, Vm::Create());
//   KCT_TRY(Memslot slot, vm.AddMemslot({.gpa = 4_GiB_gpa, .size = 2_MiB}));
//   KCT_TRY(Vcpu vcpu, vm.AddVcpu());
//   EXPECT_THAT(vcpu.PreFault(slot.range()), Succeeds());
//
// A Vm must outlive its slots and vCPUs. Ioctls may be issued from several threads.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "harness/kvm/kvm.h"
#include "harness/kvm/memslot.h"
#include "harness/kvm/vcpu.h"

namespace kct {

enum class VmType : unsigned long {
  kDefault = KVM_X86_DEFAULT_VM,
  kSwProtected = KVM_X86_SW_PROTECTED_VM,
};

struct MemslotOptions {
  Gpa gpa;
  Bytes size;
  uint32_t flags = 0;
  uint32_t address_space = 0;
  Bytes hva_alignment = kHugePage;
};

class Vm {
 public:
  static Result<Vm> Create(VmType type = VmType::kDefault);

  int fd() const { return fd_.get(); }
  const Kvm& kvm() const { return *kvm_; }

  // --- ioctls, unjudged -----------------------------------------------------------------------
  int CheckExtension(unsigned long cap) const;
  Call<kvm_enable_cap> EnableCap(uint32_t cap, uint64_t arg0) const;
  MemoryRegionCall SetUserMemoryRegion(const kvm_userspace_memory_region& region) const;
  MemoryRegion2Call SetUserMemoryRegion2(const kvm_userspace_memory_region2& region) const;
  // KVM_GET_DIRTY_LOG into `bitmap`, a bit a page.
  Call<kvm_dirty_log> GetDirtyLog(uint32_t slot, uint64_t* bitmap) const;
  // KVM_CLEAR_DIRTY_LOG: `bitmap`, a bit a page from `first_page` on, says which pages.
  Call<kvm_clear_dirty_log> ClearDirtyLog(uint32_t slot, uint64_t first_page, uint32_t pages,
                                          uint64_t* bitmap) const;
  // KVM_RESET_DIRTY_RINGS: how many entries were taken back.
  Call<unsigned long> ResetDirtyRings() const;
  // Each page of the range gets these attributes: KVM_MEMORY_ATTRIBUTE_PRIVATE, or none.
  Call<kvm_memory_attributes> SetMemoryAttributes(GpaRange range, uint64_t attributes) const;
  // The new guest_memfd, or why there is none. Ownership goes to the caller.
  Call<kvm_create_guest_memfd> CreateGuestMemfd(Bytes size, uint64_t flags) const;

  // --- objects --------------------------------------------------------------------------------
  // A slot with the next free id and memory of its own.
  Result<Memslot> AddMemslot(const MemslotOptions& options);
  // A vCPU with the next free id, with CPUID as the host supports it, in its reset state.
  Result<Vcpu> AddVcpu();

  // Turns off the quirk by which deleting or moving any slot drops all mappings of the VM
  // (KVM_CAP_DISABLE_QUIRKS2). Error: this KVM does not offer that.
  Status DisableZapAllQuirk() const;
  // The interrupt controllers in the kernel (KVM_CREATE_IRQCHIP). REQUIRES: no vCPU yet.
  Status CreateIrqchip() const;
  // The value of a statistic of this VM ("pages_4k"), from KVM_GET_STATS_FD. Error: no such name.
  Result<uint64_t> Statistic(std::string_view name) const;

 private:
  Vm(std::unique_ptr<Kvm> kvm, UniqueFd fd) : kvm_(std::move(kvm)), fd_(std::move(fd)) {}
  std::unique_ptr<Kvm> kvm_;
  UniqueFd fd_;
  uint32_t next_slot_ = 1;
  unsigned long next_vcpu_ = 0;
};

}  // namespace kct
