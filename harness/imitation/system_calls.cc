// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_para.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

#include "harness/imitation/calls.h"
#include "harness/imitation/copied.h"

namespace kct::imitation {
namespace {

constexpr int kRunPages = 3;  // kvm_run, port data, coalesced MMIO

// What KVM_CAP_VM_TYPES says: a bit a type. The software-protected one needs KVM's table walker for
// two-dimensional paging.
int VmTypes(const model::Rules& rules) {
  const bool has_protected = !rules.lacks_attributes && rules.two_dimensional_paging;
  return 1 << KVM_X86_DEFAULT_VM | (has_protected ? 1 << KVM_X86_SW_PROTECTED_VM : 0);
}

// From the facts about a kernel to those about a VM of it.
model::Rules RulesFor(model::VmType type, const model::Rules& kernel) {
  model::Rules rules = kernel;
  rules.vm_type = type;
  if (rules.has_private_memory()) {
    rules.address_spaces = 1;
  } else {
    rules.supported_attributes = 0;
  }
  return rules;
}

RawAnswer CreateVm(Stay& stay, unsigned long type) {
  World& world = stay.world();
  if (type > KVM_X86_SW_PROTECTED_VM || (VmTypes(world.rules) >> type & 1) == 0) {
    return Fails(EINVAL);
  }
  const int fd = memfd_create("kvm-vm", MFD_CLOEXEC);
  if (fd < 0) return RawAnswer{-1, LastErrno()};
  auto vm = std::make_shared<Vm>();
  vm->rules = RulesFor(static_cast<model::VmType>(type), world.rules);
  if (world.Planted(model::Bug::kMemoryStartsPrivate)) {
    const uint64_t first = model::PageOf((1_GiB_gpa).value);
    vm->state.rare.Write().SetAttributes(first, 2 * first, KVM_MEMORY_ATTRIBUTE_PRIVATE);
  }
  world.handles[fd] = {Handle::Kind::kVm, std::move(vm), 0};
  return Returns(fd);
}

// The imitated CPU has no features to tell of, but the width of its addresses.
RawAnswer GetSupportedCpuid(const model::Rules& rules, uintptr_t argument) {
  constexpr uint32_t kAddressWidths = 0x8000'0008;
  const auto given = CopyIn<KvmCpuid2Head>(argument);
  if (!given) return Fails(EFAULT);
  if (given->nent < 1) return Fails(E2BIG);
  struct {
    KvmCpuid2Head head = {.nent = 1, .padding = 0};
    kvm_cpuid_entry2 widths = {};
  } told;
  told.widths.function = kAddressWidths;
  told.widths.eax = static_cast<uint32_t>(std::countr_zero(rules.first_gfn_beyond)) + 12;
  return CopyOut(argument, told) ? Returns(0) : Fails(EFAULT);
}

}  // namespace

int Capability(const model::Rules& rules, unsigned long cap) {
  using model::Bug;
  switch (cap) {
    case KVM_CAP_USER_MEMORY:
    case KVM_CAP_USER_MEMORY2:
    case KVM_CAP_X86_SMM:
      return 1;
    case KVM_CAP_MEMORY_FAULT_INFO:
      return rules.planted.Is(Bug::kMemoryFaultCapabilityIsMissing) ? 0 : 1;
    case KVM_CAP_EXIT_HYPERCALL:
      return 1 << KVM_HC_MAP_GPA_RANGE;
    case KVM_CAP_NR_MEMSLOTS:
      return static_cast<int>(rules.slot_ids);
    case KVM_CAP_MULTI_ADDRESS_SPACE:
      return static_cast<int>(rules.address_spaces);
    case KVM_CAP_READONLY_MEM:
      return rules.readonly_slots ? 1 : 0;
    case KVM_CAP_PRE_FAULT_MEMORY:
      return rules.prefault && rules.two_dimensional_paging &&
                     !rules.planted.Is(Bug::kPrefaultCapabilityIsMissing)
                 ? 1
                 : 0;
    case KVM_CAP_GUEST_MEMFD:
      return rules.guest_memfd ? 1 : 0;
    case KVM_CAP_GUEST_MEMFD_FLAGS:
      if (!rules.guest_memfd) return 0;
      return rules.has_private_memory() && !rules.in_place_conversion
                 ? GUEST_MEMFD_FLAG_MMAP
                 : GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
    case KVM_CAP_VM_TYPES:
      return VmTypes(rules);
    case KVM_CAP_MEMORY_ATTRIBUTES:
      return rules.in_place_conversion ? 0 : static_cast<int>(rules.supported_attributes);
    case KVM_CAP_DISABLE_QUIRKS2:
      return rules.planted.Is(Bug::kQuirkIsNotOffered) ? 0 : KVM_X86_QUIRK_SLOT_ZAP_ALL;
    default:
      return 0;
  }
}

RawAnswer CallSystem(Stay& stay, unsigned long request, uintptr_t argument) {
  switch (request) {
    case KVM_GET_API_VERSION:
      return Returns(KVM_API_VERSION);
    case KVM_CREATE_VM:
      return CreateVm(stay, argument);
    case KVM_CHECK_EXTENSION:
      return Returns(Capability(stay.world().rules, argument));
    case KVM_GET_VCPU_MMAP_SIZE:
      return Returns(kRunPages * static_cast<int>(kPage.count));
    case kKvmGetSupportedCpuid:
      return GetSupportedCpuid(stay.world().rules, argument);
    default:
      return Fails(ENOTTY);
  }
}

}  // namespace kct::imitation
