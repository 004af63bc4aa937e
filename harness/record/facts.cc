// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/facts.h"

#include <vector>

#include "harness/abi/host.h"
#include "harness/kvm/kvm.h"

namespace kct {
namespace {

constexpr int kMostCpuidEntries = 256;
constexpr uint32_t kAddressWidths = 0x8000'0008;

// Width of the physical addresses of this machine, from the CPUID that KVM supports; 0: it does
// not say.
int AddressWidth(Backend& kernel, int kvm_fd) {
  struct {
    KvmCpuid2Head head = {.nent = kMostCpuidEntries, .padding = 0};
    kvm_cpuid_entry2 entries[kMostCpuidEntries];
  } cpuid;
  const auto argument = reinterpret_cast<uintptr_t>(&cpuid);
  if (kernel.Ioctl(kvm_fd, kKvmGetSupportedCpuid, argument).ret < 0) return 0;
  for (uint32_t i = 0; i < cpuid.head.nent; ++i) {
    if (cpuid.entries[i].function == kAddressWidths) {
      return static_cast<int>(cpuid.entries[i].eax & 0xff);
    }
  }
  return 0;
}

}  // namespace

model::Rules FactsOf(Backend& kernel) {
  model::Rules rules;
  const Result<UniqueFd> kvm = CurrentHost().OpenKvm();
  if (!kvm) return rules;
  const int fd = kvm.value().get();
  const auto capability = [&](unsigned long cap) {
    return kernel.Ioctl(fd, KVM_CHECK_EXTENSION, cap).ret;
  };
  rules.two_dimensional_paging = HostPaging() != Paging::kShadow;
  rules.prefault = capability(KVM_CAP_PRE_FAULT_MEMORY) > 0;
  rules.readonly_slots = capability(KVM_CAP_READONLY_MEM) > 0;
  rules.guest_memfd = capability(KVM_CAP_GUEST_MEMFD_FLAGS) > 0;
  if (const int ids = capability(KVM_CAP_NR_MEMSLOTS); ids > 0) {
    rules.slot_ids = static_cast<uint32_t>(ids);
  }
  rules.address_spaces =
      static_cast<uint32_t>(std::max(capability(KVM_CAP_MULTI_ADDRESS_SPACE), 1));
  // arch/x86/kvm/mmu.h:kvm_mmu_max_gfn. The model's slots end before the page that is named.
  const int width = rules.two_dimensional_paging ? AddressWidth(kernel, fd) : 52;
  if (width > 12) rules.first_gfn_beyond = uint64_t{1} << (width - 12);
  return rules;
}

}  // namespace kct
