// SPDX-License-Identifier: GPL-2.0-only
// The checks of KVM_RUN, guest_memfd, attributes, exits and confidential VMs; each kind's in the
// kernel's order. Where a kind has checks in checks.cc, too, those come first.
#include <array>
#include <cerrno>

#include "harness/abi/proposed.h"
#include "harness/abi/uapi.h"
#include "harness/model/checks.h"

namespace kct::model {
namespace {

constexpr uint64_t kMapGpaRangeBit = 1 << 12;       // of KVM_CAP_EXIT_HYPERCALL
constexpr uint64_t kReservedPolicyBit = 1 << 17;    // of an SNP policy; has to be set
constexpr uint64_t kSharedBit = uint64_t{1} << 47;  // of a TDX guest with four levels of paging
constexpr uint64_t kMostCpuidEntries = 256;
constexpr uint64_t kKeepSize = 1;  // FALLOC_FL_KEEP_SIZE
constexpr uint64_t kBothContents = kConvertZeroes | kConvertPreserves;

using R = const Rules&;
using S = const State&;
using O = const Operation&;

constexpr Shown kOwn = Shown::kByScenarios;

bool Unaligned(uint64_t address) { return address % kPageBytes != 0; }
uint8_t BitOf(O op) { return static_cast<uint8_t>(1u << op.vcpu); }
bool IsSnp(R rules, S state) {
  return rules.vm_type == VmType::kSnp && state.rare->launch != Launch::kNone;
}
bool IsStarted(S state) { return state.rare->launch >= Launch::kStarted; }
bool IsBeforeRun(S state) { return state.rare->launch == Launch::kInitialized; }

uint64_t FileFlags(R rules) {
  return rules.has_private_memory() && !rules.in_place_conversion
             ? GUEST_MEMFD_FLAG_MMAP
             : GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
}

const GuestMemfd* FileOf(S state, O op) {
  const auto number = static_cast<std::size_t>(op.gmem);
  return op.gmem >= 0 && number < state.files.size() ? &state.files[number] : nullptr;
}

// Of a file that is mapped: the host may not have this page.
bool IsOutOfReach(R rules, S state, O op) {
  const GuestMemfd* file = FileOf(state, op);
  if (file == nullptr) return false;
  const bool shared = file->in_place ? !file->HasPrivate(PageOf(op.address)) ||
                                           rules.planted.Is(Bug::kHostKeepsConvertedPage)
                                     : (file->flags & GUEST_MEMFD_FLAG_INIT_SHARED) != 0;
  return PageOf(op.address) >= file->pages ||
         (!shared && !rules.planted.Is(Bug::kHostReachesPrivateFile));
}

bool IsBadSource(O op) { return op.host == 0 || Unaligned(op.host); }

bool IsBadPageType(O op) {
  return op.value != KVM_SEV_SNP_PAGE_TYPE_NORMAL && op.value != KVM_SEV_SNP_PAGE_TYPE_ZERO &&
         op.value != KVM_SEV_SNP_PAGE_TYPE_UNMEASURED &&
         op.value != KVM_SEV_SNP_PAGE_TYPE_SECRETS && op.value != KVM_SEV_SNP_PAGE_TYPE_CPUID;
}

const std::
    array
        kChecks{
            // --- KVM_RUN: virt/kvm/kvm_main.c:kvm_vcpu_ioctl, x86.c:kvm_arch_vcpu_ioctl_run
            Check{Kind::kRun, "run-argument", "KVM_RUN has an argument", "RUN-28", Errno(EINVAL),
                  [](R, S, O op) { return op.value != 0; }},
            Check{Kind::kRun, "run-unfinished-launch", "the VM is not initialized enough", "RUN-30",
                  Errno(EINVAL),
                  [](R rules, S state, O op) {
                    const Launch launch = state.rare->launch;
                    if (rules.vm_type == VmType::kTdx) {
                      return launch != Launch::kFinished ||
                             (state.rare->initialized_vcpus & BitOf(op)) == 0;
                    }
                    const bool sev = rules.vm_type >= VmType::kSev && rules.vm_type <= VmType::kSnp;
                    return sev && launch == Launch::kNone;
                  },
                  kOwn},
            Check{Kind::kRun, "run-immediate-exit", "immediate_exit is set", "RUN-28", Errno(EINTR),
                  [](R, S, O op) { return op.flags == 1; }},

            // --- KVM_PRE_FAULT_MEMORY: mmu/mmu.c:kvm_arch_vcpu_pre_fault_memory
            Check{Kind::kPreFault, "prefault-unfinished-launch", "the launch is not finished",
                  "PREFAULT-11", Errno(EOPNOTSUPP),
                  [](R rules, S state, O) {
                    const bool launched =
                        rules.vm_type == VmType::kSnp || rules.vm_type == VmType::kTdx;
                    return launched && state.rare->launch != Launch::kFinished;
                  },
                  kOwn},
            Check{Kind::kPreFault, "prefault-shared-bit", "the address has the shared bit",
                  "PREFAULT-14", Errno(EINVAL),
                  [](R rules, S, O op) {
                    return rules.vm_type == VmType::kTdx && (op.address & kSharedBit) != 0;
                  },
                  kOwn},

            // --- guest_memfd: virt/kvm/guest_memfd.c
            Check{Kind::kCreateGuestMemfd, "gmem-absent", "the kernel has no guest_memfd",
                  "GMEM-02", Errno(ENOTTY), [](R rules, S, O) { return !rules.guest_memfd; }, kOwn},
            Check{Kind::kCreateGuestMemfd, "gmem-flags", "a flag is not supported for this VM",
                  "GMEM-04", Errno(EINVAL),
                  [](R rules, S, O op) { return (op.flags & ~FileFlags(rules)) != 0; }},
            Check{Kind::kCreateGuestMemfd, "gmem-size", "the size is not positive, or unaligned",
                  "GMEM-06", Errno(EINVAL),
                  [](R, S, O op) {
                    return static_cast<int64_t>(op.size) <= 0 || Unaligned(op.size);
                  }},
            Check{Kind::kAllocateGuestMemfd, "gmem-allocate-mode", "the mode is another one",
                  "GMEM-15", Errno(EOPNOTSUPP), [](R, S, O op) { return op.flags != kKeepSize; }},
            Check{Kind::kAllocateGuestMemfd, "gmem-allocate-unaligned", "the range is unaligned",
                  "GMEM-15", Errno(EINVAL),
                  [](R, S, O op) { return Unaligned(op.address) || Unaligned(op.size); }},
            Check{Kind::kAllocateGuestMemfd, "gmem-allocate-beyond", "the range leaves the file",
                  "GMEM-15", Errno(EINVAL),
                  [](R, S state, O op) {
                    return PageOf(op.address + op.size) > FileOf(state, op)->pages;
                  }},
            Check{Kind::kPunchGuestMemfd, "gmem-punch-unaligned", "the range is unaligned",
                  "GMEM-15", Errno(EINVAL),
                  [](R, S, O op) { return Unaligned(op.address) || Unaligned(op.size); }},
            Check{Kind::kReadHost, "gmem-host-read", "the host may not have the page", "GMEM-12",
                  Errno(EFAULT), IsOutOfReach},
            Check{Kind::kWriteHost, "gmem-host-write", "the host may not have the page", "GMEM-12",
                  Errno(EFAULT), IsOutOfReach},

            // --- KVM_SET_MEMORY_ATTRIBUTES: virt/kvm/kvm_main.c:kvm_vm_ioctl_set_mem_attributes
            Check{
                Kind::kSetAttributes, "attributes-absent", "the kernel has no private memory",
                "ATTR-01", Errno(ENOTTY),
                [](R rules, S, O) { return rules.lacks_attributes || rules.in_place_conversion; }},
            Check{Kind::kSetAttributes, "attributes-flags", "a flag is set", "ATTR-03",
                  Errno(EINVAL), [](R, S, O op) { return op.flags != 0; }},
            Check{Kind::kSetAttributes, "attributes-unknown", "an attribute is not the VM's",
                  "ATTR-03", Errno(EINVAL),
                  [](R rules, S, O op) { return (op.value & ~rules.supported_attributes) != 0; }},
            Check{Kind::kSetAttributes, "attributes-empty", "the size is 0", "ATTR-03",
                  Errno(EINVAL), [](R, S, O op) { return op.size == 0; }},
            Check{Kind::kSetAttributes, "attributes-wrap", "the range wraps", "ATTR-03",
                  Errno(EINVAL), [](R, S, O op) { return op.address + op.size < op.address; }},
            Check{Kind::kSetAttributes, "attributes-unaligned", "the range is unaligned", "ATTR-03",
                  Errno(EINVAL),
                  [](R, S, O op) { return Unaligned(op.address) || Unaligned(op.size); }},

            // --- proposed: KVM_SET_MEMORY_ATTRIBUTES2 of a guest_memfd
            Check{Kind::kConvertGuestMemfd, "in-place-absent", "the kernel has no such ioctl",
                  "CONV-01", Errno(ENOTTY),
                  [](R rules, S, O) { return !rules.in_place_conversion; }, kOwn},
            Check{Kind::kConvertGuestMemfd, "in-place-flags", "contents are to be what they can't",
                  "CONV-04", Errno(EINVAL), [](R, S, O op) { return op.flags >= kBothContents; }},
            Check{Kind::kConvertGuestMemfd, "in-place-unknown", "an attribute is not the VM's",
                  "CONV-04", Errno(EINVAL),
                  [](R rules, S, O op) { return (op.value & ~rules.supported_attributes) != 0; }},
            Check{Kind::kConvertGuestMemfd, "in-place-empty", "the size is 0", "CONV-04",
                  Errno(EINVAL), [](R, S, O op) { return op.size == 0; }},
            Check{Kind::kConvertGuestMemfd, "in-place-unaligned", "the range is unaligned",
                  "CONV-04", Errno(EINVAL),
                  [](R, S, O op) { return Unaligned(op.address) || Unaligned(op.size); }},
            Check{Kind::kConvertGuestMemfd, "in-place-beyond", "the range leaves the file",
                  "CONV-04", Errno(EINVAL),
                  [](R, S state, O op) {
                    const uint64_t end = op.address + op.size;
                    return end < op.address || PageOf(end) > FileOf(state, op)->pages;
                  }},

            // --- exits: x86.c:kvm_vm_ioctl_enable_cap
            Check{Kind::kEnableExits, "exits-unknown", "an exit is not MAP_GPA_RANGE's", "HC-01",
                  Errno(EINVAL), [](R, S, O op) { return (op.value & ~kMapGpaRangeBit) != 0; }},

            // --- SNP: svm/sev.c
            Check{Kind::kSnpInit, "sev-init-again", "the VM is an SNP guest already", "SNP-06",
                  Errno(EPERM), [](R rules, S state, O) { return IsSnp(rules, state); }, kOwn},
            Check{Kind::kSnpInit, "sev-init-type", "the VM's type is none of SEV's", "SNP-04",
                  Errno(EINVAL),
                  [](R rules, S, O) {
                    return rules.vm_type < VmType::kSev || rules.vm_type > VmType::kSnp;
                  },
                  kOwn},
            Check{Kind::kSnpInit, "sev-init-after-vcpu", "the VM has a vCPU", "SNP-04",
                  Errno(EINVAL), [](R, S state, O) { return state.rare->created_vcpus != 0; },
                  kOwn},
            Check{Kind::kSnpInit, "sev-init-flags", "a flag is set", "SNP-04", Errno(EINVAL),
                  [](R, S, O op) { return op.flags != 0; }, kOwn},
            Check{Kind::kSnpLaunchStart, "snp-start-elsewhere", "the VM is no SNP guest", "SNP-08",
                  Errno(ENOTTY), [](R rules, S state, O) { return !IsSnp(rules, state); }, kOwn},
            Check{Kind::kSnpLaunchStart, "snp-start-twice", "the launch has begun", "SNP-09",
                  Errno(EINVAL), [](R, S state, O) { return IsStarted(state); }, kOwn},
            Check{Kind::kSnpLaunchStart, "snp-start-flags", "a flag is set", "SNP-09",
                  Errno(EINVAL), [](R, S, O op) { return op.flags != 0; }, kOwn},
            Check{Kind::kSnpLaunchStart, "snp-start-policy", "bit 17 of the policy is clear",
                  "SNP-09", Errno(EINVAL),
                  [](R, S, O op) { return (op.value & kReservedPolicyBit) == 0; }, kOwn},
            Check{Kind::kSnpLaunchUpdate, "snp-update-early", "the launch has not begun", "SNP-12",
                  Errno(EINVAL),
                  [](R rules, S state, O) { return !IsSnp(rules, state) || !IsStarted(state); },
                  kOwn},
            Check{Kind::kSnpLaunchUpdate, "snp-update-length", "the length is 0 or unaligned",
                  "SNP-13", Errno(EINVAL),
                  [](R, S, O op) { return op.size == 0 || Unaligned(op.size); }, kOwn},
            Check{Kind::kSnpLaunchUpdate, "snp-update-flags", "a flag is set", "SNP-13",
                  Errno(EINVAL), [](R, S, O op) { return op.flags != 0; }, kOwn},
            Check{Kind::kSnpLaunchUpdate, "snp-update-type", "the page type is unknown", "SNP-13",
                  Errno(EINVAL), [](R, S, O op) { return IsBadPageType(op); }, kOwn},
            Check{Kind::kSnpLaunchUpdate, "snp-update-source", "the source is 0 or unaligned",
                  "SNP-13", Errno(EINVAL),
                  [](R, S, O op) {
                    return op.value != KVM_SEV_SNP_PAGE_TYPE_ZERO && IsBadSource(op);
                  },
                  kOwn},
            Check{Kind::kSnpLaunchUpdate, "snp-update-slot",
                  "the first page has no slot with a file", "SNP-13", Errno(EINVAL),
                  [](R, S state, O op) {
                    const Slot* slot = state.FindSlot(0, PageOf(op.address));
                    return slot == nullptr || slot->gmem < 0;
                  },
                  kOwn},
            Check{Kind::kSnpLaunchFinish, "snp-finish-elsewhere", "the VM is no SNP guest",
                  "SNP-17", Errno(ENOTTY), [](R rules, S state, O) { return !IsSnp(rules, state); },
                  kOwn},
            Check{Kind::kSnpLaunchFinish, "snp-finish-early", "the launch has not begun", "SNP-17",
                  Errno(EINVAL), [](R, S state, O) { return !IsStarted(state); }, kOwn},
            Check{Kind::kSnpLaunchFinish, "snp-finish-flags", "a flag is set",
                  "SNP-17", Errno(EINVAL), [](R, S, O op) { return op.flags != 0; }, kOwn},
            Check{Kind::kSnpLaunchFinish, "snp-finish-protected",
                  "a vCPU's state is encrypted already", "SNP-18", Errno(EINVAL),
                  [](R, S state, O) { return state.rare->protected_vcpus != 0; }, kOwn},

            // --- TDX: vmx/tdx.c
            Check{
                Kind::kCreateVcpu, "tdx-vcpu-early", "the TD is not initialized, or finalized",
                "TDX-10", Errno(EIO),
                [](R rules, S state,
                   O) { return rules.vm_type == VmType::kTdx && !IsBeforeRun(state); },
                kOwn},
            Check{Kind::kTdxInitVm, "tdx-init-twice", "the TD is initialized",
                  "TDX-06", Errno(EINVAL),
                  [](R, S state, O) { return state.rare->launch != Launch::kNone; }, kOwn},
            Check{Kind::kTdxInitVm, "tdx-init-flags", "a flag is set", "TDX-07", Errno(EINVAL),
                  [](R, S, O op) { return op.flags != 0; }, kOwn},
            Check{Kind::kTdxInitVm, "tdx-init-entries", "there are more than 256 CPUID entries",
                  "TDX-08", Errno(E2BIG), [](R, S, O op) { return op.size > kMostCpuidEntries; },
                  kOwn},
            Check{Kind::kTdxInitVcpu, "tdx-init-vcpu-order",
                  "the TD is not initialized, or finalized", "TDX-11", Errno(EINVAL),
                  [](R, S state, O) { return !IsBeforeRun(state); }, kOwn},
            Check{Kind::kTdxInitVcpu, "tdx-init-vcpu-flags", "a flag is set",
                  "TDX-11", Errno(EINVAL), [](R, S, O op) { return op.flags != 0; }, kOwn},
            Check{Kind::kTdxInitVcpu, "tdx-init-vcpu-twice", "the vCPU is initialized",
                  "TDX-11", Errno(EINVAL),
                  [](R, S state, O op) { return (state.rare->initialized_vcpus & BitOf(op)) != 0; },
                  kOwn},
            Check{Kind::kTdxInitMemRegion, "tdx-region-order",
                  "the TD is not initialized, or finalized", "TDX-12", Errno(EINVAL),
                  [](R, S state, O) { return !IsBeforeRun(state); }, kOwn},
            Check{Kind::kTdxInitMemRegion, "tdx-region-vcpu", "the vCPU is not initialized",
                  "TDX-12", Errno(EINVAL),
                  [](R, S state, O op) { return (state.rare->initialized_vcpus & BitOf(op)) == 0; },
                  kOwn},
            Check{
                Kind::kTdxInitMemRegion, "tdx-region-flags", "a flag is unknown", "TDX-13",
                Errno(EINVAL),
                [](
                    R,
                    S, O op) { return (op.flags & ~uint64_t{KVM_TDX_MEASURE_MEMORY_REGION}) != 0; },
                kOwn},
            Check{Kind::kTdxInitMemRegion, "tdx-region-source", "the source is 0 or unaligned",
                  "TDX-13", Errno(EINVAL), [](R, S, O op) { return IsBadSource(op); }, kOwn},
            Check{
                Kind::kTdxInitMemRegion, "tdx-region-address",
                "the address is unaligned, or has the shared bit", "TDX-13", Errno(EINVAL),
                [](R, S, O op) { return Unaligned(op.address) || (op.address & kSharedBit) != 0; },
                kOwn},
            Check{Kind::kTdxInitMemRegion, "tdx-region-empty", "there are no pages",
                  "TDX-13", Errno(EINVAL), [](R, S, O op) { return op.size == 0; }, kOwn},
            Check{Kind::kTdxInitMemRegion, "tdx-region-end",
                  "the range wraps, or ends in shared memory", "TDX-13", Errno(EINVAL),
                  [](R, S, O op) {
                    const uint64_t end = op.address + op.size;
                    return op.size != 0 && (end <= op.address || ((end - 1) & kSharedBit) != 0);
                  },
                  kOwn},
            Check{Kind::kTdxFinalizeVm, "tdx-finalize-order",
                  "the TD is not initialized, or finalized", "TDX-16", Errno(EINVAL),
                  [](R, S state, O) { return !IsBeforeRun(state); }, kOwn},
        };

}  // namespace

std::span<const Check> AreaChecks() { return kChecks; }

}  // namespace kct::model
