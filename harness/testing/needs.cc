// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/needs.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "harness/abi/host.h"
#include "harness/base/patience.h"
#include "harness/kvm/guest_memfd.h"

namespace kct {
namespace {

std::optional<Missing> LacksCapability(const Kvm& kvm, unsigned long cap, int least,
                                       std::string_view reason, std::string_view name) {
  const int value = kvm.CheckExtension(cap);
  if (value >= least) return std::nullopt;
  return Missing{reason, fmt::format("{} reads {}", name, value)};
}

std::optional<Missing> LacksBits(const Kvm& kvm, unsigned long cap, int bits,
                                 std::string_view reason, std::string_view name) {
  const int value = kvm.CheckExtension(cap);
  if (value >= 0 && (value & bits) == bits) return std::nullopt;
  return Missing{reason, fmt::format("{} reads {:#x}, wanted bits {:#x}", name, value, bits)};
}

std::optional<Missing> LacksPaging(Paging wanted) {
  if (HostPaging() == wanted) return std::nullopt;
  return wanted == Paging::kTdp
             ? Missing{"no-two-dimensional-paging", "KVM runs without NPT or EPT here"}
             : Missing{"no-shadow-paging",
                       "KVM runs with NPT or EPT here (npt=0 or ept=0 turns it off)"};
}

// Up to 6.12 the age has 19 bits (mmu/spte.h) and an update takes the better part of a millisecond:
// a turn lasts minutes.
std::optional<Missing> LacksMmioTurn() {
  if (slowness > 1) {
    return Missing{"slow-kernel", "with its checkers on a turn of the age takes minutes"};
  }
  const std::string release = CurrentHost().Release();
  int major = 0, minor = 0;
  std::sscanf(release.c_str(), "%d.%d", &major, &minor);
  if (std::pair(major, minor) > std::pair(6, 12)) return std::nullopt;
  return Missing{"mmio-age-of-19-bits",
                 fmt::format("in {} the age of MMIO entries takes minutes to come round", release)};
}

// A switch of a module is a number in some kernels, a letter in others.
bool IsOn(const std::string& parameter) { return parameter == "1" || parameter == "Y"; }

std::optional<Missing> LacksNestedSvm() {
  const std::string nested = ModuleParameter("kvm_amd", "nested");
  if (IsOn(nested)) return std::nullopt;
  return Missing{"no-nested-svm", fmt::format("kvm_amd.nested reads '{}'", nested)};
}

std::optional<Missing> LacksApicv() {
  const std::string avic = ModuleParameter("kvm_amd", "avic");
  const std::string apicv = ModuleParameter("kvm_intel", "enable_apicv");
  if (IsOn(avic) || IsOn(apicv)) return std::nullopt;
  return Missing{"no-apicv",
                 fmt::format("kvm_amd.avic reads '{}', kvm_intel.enable_apicv '{}'", avic, apicv)};
}

std::optional<Missing> LacksTwoNodes() {
  std::ifstream file("/sys/devices/system/node/has_memory");
  std::string nodes;
  file >> nodes;
  if (nodes.find_first_of(",-") != std::string::npos) return std::nullopt;
  return Missing{"one-memory-node", fmt::format("nodes with memory: {}", nodes)};
}

std::optional<Missing> LacksIoUring() {
  const Result<UniqueFd> pins = CurrentHost().PinPages({0}, {0});
  if (pins) return std::nullopt;
  return Missing{"no-io-uring", pins.error().message};
}

// There is no capability to ask for: its number is not settled.
std::optional<Missing> LacksInPlace() {
  Result<Vm> vm = Vm::Create(VmType::kSwProtected);
  if (!vm) return Missing{"no-software-protected-vms", vm.error().message};
  Result<GuestMemfd> file = GuestMemfd::Create(*vm, kPage, GUEST_MEMFD_FLAG_MMAP);
  if (!file) return Missing{"no-guest-memfd", file.error().message};
  const auto call = file->Convert({0, {0}}, 0, 0);  // of nothing: no kernel does that
  if (call.error != Errno(ENOTTY)) return std::nullopt;
  return Missing{"not-in-this-kernel",
                 "conversion in place is proposed, not merged: " + call.Record().ToString()};
}

// Whether a slot may have this flag, by the first or the second ioctl.
template <typename Region>
std::optional<Missing> LacksSlotFlag(Call<Region> (Vm::*set)(const Region&) const, uint32_t flag,
                                     std::string_view what) {
  Result<Vm> vm = Vm::Create();
  if (!vm) return Missing{"no-kvm", vm.error().message};
  Result<Mapping> memory = Mapping::Anonymous(kPage);
  if (!memory) return Missing{"no-memory", memory.error().message};
  const Region region{.slot = 0,
                      .flags = flag,
                      .guest_phys_addr = 0,
                      .memory_size = kPage.count,
                      .userspace_addr = memory->hva().value};
  const Call<Region> call = ((*vm).*set)(region);
  if (call.ok()) return std::nullopt;
  return Missing{"not-in-this-kernel",
                 fmt::format("{} is proposed, not merged: {}", what, call.Record().ToString())};
}

std::optional<Missing> LacksCapabilityFor(Need need, const Kvm& kvm) {
  switch (need) {
    case Need::kPrefault:
      return LacksCapability(kvm, KVM_CAP_PRE_FAULT_MEMORY, 1, "no-prefault",
                             "KVM_CAP_PRE_FAULT_MEMORY");
    case Need::kRegion2:
      return LacksCapability(kvm, KVM_CAP_USER_MEMORY2, 1, "no-region2", "KVM_CAP_USER_MEMORY2");
    case Need::kGuestMemfd:
      return LacksBits(kvm, KVM_CAP_GUEST_MEMFD_FLAGS,
                       GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED, "no-guest-memfd",
                       "KVM_CAP_GUEST_MEMFD_FLAGS");
    case Need::kSwProtected:
      return LacksBits(kvm, KVM_CAP_VM_TYPES, 1 << KVM_X86_SW_PROTECTED_VM,
                       "no-software-protected-vms", "KVM_CAP_VM_TYPES");
    case Need::kReadonlyMem:
      return LacksCapability(kvm, KVM_CAP_READONLY_MEM, 1, "no-readonly-slots",
                             "KVM_CAP_READONLY_MEM");
    case Need::kZapAllQuirk:
      return LacksBits(kvm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_SLOT_ZAP_ALL, "no-zap-all-quirk",
                       "KVM_CAP_DISABLE_QUIRKS2");
    case Need::kDirtyRing:
      if (kvm.CheckExtension(KVM_CAP_DIRTY_LOG_RING) > 0) return std::nullopt;
      return Missing{"no-dirty-ring", "KVM_CAP_DIRTY_LOG_RING reads 0"};
    case Need::kManualLog:
      return LacksBits(kvm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE,
                       "no-manual-dirty-log", "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
    case Need::kSmm:
      return LacksCapability(kvm, KVM_CAP_X86_SMM, 1, "no-smm", "KVM_CAP_X86_SMM");
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Missing> Lacks(Need need) {
  if (need == Need::kTdp) return LacksPaging(Paging::kTdp);
  if (need == Need::kShadow) return LacksPaging(Paging::kShadow);
  if (need == Need::kMmioTurn) return LacksMmioTurn();
  if (need == Need::kNestedSvm) return LacksNestedSvm();
  if (need == Need::kApicv) return LacksApicv();
  if (need == Need::kTwoNodes) return LacksTwoNodes();
  if (need == Need::kRoot) {
    if (CurrentHost().ShowsTheKernel()) return std::nullopt;
    return Missing{"not-root", "kernel stacks and module parameters are for root"};
  }
  if (need == Need::kFrames) {
    if (CurrentHost().ShowsFrames()) return std::nullopt;
    return Missing{"not-root", "the physical frames of pages are for root"};
  }
  if (need == Need::kFailslab) {
    if (CurrentHost().LimitsObjects()) return std::nullopt;
    return Missing{"no-forced-failures", "allocations fail at will with CONFIG_FAILSLAB, for root"};
  }
  if (need == Need::kIoUring) return LacksIoUring();
  if (need == Need::kInPlace) return LacksInPlace();
  if (need == Need::kExitOnMissing) {
    return LacksSlotFlag(&Vm::SetUserMemoryRegion, kMemExitOnMissing, "KVM_MEM_EXIT_ON_MISSING");
  }
  if (need == Need::kKvmUserfault) {
    return LacksSlotFlag(&Vm::SetUserMemoryRegion2, kMemUserfault, "KVM_MEM_USERFAULT");
  }
  if (need == Need::kCpu) {
    if (CurrentHost().RunsMachineCode()) return std::nullopt;
    return Missing{"no-cpu", "the guest of the model carries out programs, not machine code"};
  }
  if (need >= Need::kHostMemory && need <= Need::kOtherNode) return LacksOfMemory(need);
  Result<Kvm> kvm = Kvm::Open();
  if (!kvm) return Missing{"no-kvm", kvm.error().message};
  return LacksCapabilityFor(need, *kvm);
}

std::string_view PagingMode(const std::vector<Need>& needs) {
  const auto has = [&](Need need) {
    return std::find(needs.begin(), needs.end(), need) != needs.end();
  };
  if (has(Need::kBothPagings)) return "both";
  if (has(Need::kShadow)) return "shadow";
  if (has(Need::kTdp) || has(Need::kPrefault) || has(Need::kSwProtected) || has(Need::kInPlace)) {
    return "tdp";
  }
  return "any";
}

}  // namespace kct
