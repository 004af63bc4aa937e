// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm/vm.h"

#include "harness/kvm/statistic.h"

namespace kct {
namespace {

constexpr int kMostCpuidEntries = 256;

// Gives a vCPU the CPUID that KVM supports on this host, as a VMM would.
Status CopyCpuid(int kvm_fd, int vcpu_fd) {
  struct {
    KvmCpuid2Head head = {.nent = kMostCpuidEntries, .padding = 0};
    kvm_cpuid_entry2 entries[kMostCpuidEntries];
  } cpuid;
  const auto get = IssueAt(kvm_fd, kKvmGetSupportedCpuid, &cpuid);
  if (!get.ok()) return MakeError("KVM_GET_SUPPORTED_CPUID: {}", get.error.Explain());
  const auto set = IssueAt(vcpu_fd, kKvmSetCpuid2, &cpuid);
  if (!set.ok()) return MakeError("KVM_SET_CPUID2: {}", set.error.Explain());
  return {};
}

}  // namespace

Result<Vm> Vm::Create(VmType type) {
  KCT_TRY(Kvm opened, Kvm::Open());
  auto kvm = std::make_unique<Kvm>(std::move(opened));
  const auto call = IssueNumber(kvm->fd(), KVM_CREATE_VM, static_cast<unsigned long>(type));
  if (!call.ok()) {
    return MakeError("KVM_CREATE_VM(type={}): {}", static_cast<unsigned long>(type),
                     call.error.Explain());
  }
  return Vm(std::move(kvm), UniqueFd(call.ret));
}

int Vm::CheckExtension(unsigned long cap) const {
  return IssueNumber(fd(), KVM_CHECK_EXTENSION, cap).ret;
}

Call<kvm_enable_cap> Vm::EnableCap(uint32_t cap, uint64_t arg0) const {
  return Issue(fd(), KVM_ENABLE_CAP, kvm_enable_cap{.cap = cap, .args = {arg0}});
}

MemoryRegionCall Vm::SetUserMemoryRegion(const kvm_userspace_memory_region& region) const {
  return Issue(fd(), KVM_SET_USER_MEMORY_REGION, region);
}

MemoryRegion2Call Vm::SetUserMemoryRegion2(const kvm_userspace_memory_region2& region) const {
  return Issue(fd(), KVM_SET_USER_MEMORY_REGION2, region);
}

Call<kvm_dirty_log> Vm::GetDirtyLog(uint32_t slot, uint64_t* bitmap) const {
  kvm_dirty_log log = {};
  log.slot = slot;
  log.dirty_bitmap = bitmap;
  return Issue(fd(), KVM_GET_DIRTY_LOG, log);
}

Call<kvm_clear_dirty_log> Vm::ClearDirtyLog(uint32_t slot, uint64_t first_page, uint32_t pages,
                                            uint64_t* bitmap) const {
  kvm_clear_dirty_log log = {};
  log.slot = slot;
  log.first_page = first_page;
  log.num_pages = pages;
  log.dirty_bitmap = bitmap;
  return Issue(fd(), KVM_CLEAR_DIRTY_LOG, log);
}

Call<unsigned long> Vm::ResetDirtyRings() const {
  return IssueNumber(fd(), KVM_RESET_DIRTY_RINGS, 0);
}

Call<kvm_memory_attributes> Vm::SetMemoryAttributes(GpaRange range, uint64_t attributes) const {
  return Issue(fd(), KVM_SET_MEMORY_ATTRIBUTES,
               kvm_memory_attributes{.address = range.start.value,
                                     .size = range.size.count,
                                     .attributes = attributes,
                                     .flags = 0});
}

Call<kvm_create_guest_memfd> Vm::CreateGuestMemfd(Bytes size, uint64_t flags) const {
  return Issue(fd(), KVM_CREATE_GUEST_MEMFD,
               kvm_create_guest_memfd{.size = size.count, .flags = flags});
}

Result<Memslot> Vm::AddMemslot(const MemslotOptions& options) {
  KCT_TRY(Mapping memory, Mapping::Anonymous(options.size, options.hva_alignment));
  const kvm_userspace_memory_region region{
      .slot = next_slot_++ | options.address_space << 16,
      .flags = options.flags,
      .guest_phys_addr = options.gpa.value,
      .memory_size = options.size.count,
      .userspace_addr = memory.hva().value,
  };
  const MemoryRegionCall call = SetUserMemoryRegion(region);
  if (!call.ok()) return MakeError("setting the scene: {}", call.Record().ToString());
  return Memslot(fd(), region, std::move(memory));
}

Result<Vcpu> Vm::AddVcpu() {
  const auto call = IssueNumber(fd(), KVM_CREATE_VCPU, next_vcpu_++);
  if (!call.ok()) return MakeError("KVM_CREATE_VCPU: {}", call.error.Explain());
  UniqueFd vcpu(call.ret);
  KCT_TRY_STATUS(CopyCpuid(kvm_->fd(), vcpu.get()));
  KCT_TRY(Mapping run, Mapping::OfFile(vcpu.get(), kvm_->VcpuMmapSize()));
  return Vcpu(std::move(vcpu), std::move(run));
}

Status Vm::DisableZapAllQuirk() const {
  const auto call = EnableCap(KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_SLOT_ZAP_ALL);
  if (call.ok()) return {};
  return MakeError("KVM_ENABLE_CAP(DISABLE_QUIRKS2, SLOT_ZAP_ALL): {}", call.error.Explain());
}

Status Vm::CreateIrqchip() const {
  const auto call = IssueNumber(fd(), KVM_CREATE_IRQCHIP, 0);
  if (call.ok()) return {};
  return MakeError("KVM_CREATE_IRQCHIP: {}", call.error.Explain());
}

Result<uint64_t> Vm::Statistic(std::string_view name) const { return StatisticOf(fd(), name); }

}  // namespace kct
