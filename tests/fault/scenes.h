// SPDX-License-Identifier: GPL-2.0-only
// What the tests of this suite set their scenes with, besides GuestScene.
#pragma once

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/testing/exits.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/run_beside.h"

namespace kct {

inline constexpr uint64_t kValue = 0x1122'3344'5566'7788;
// Where second slots are.
inline constexpr Gpa kAway = 2_GiB_gpa;

// KVM_RUN has failed with EFAULT and says nothing about where.
MATCHER(IsBareFault, "is a bare EFAULT") {
  return arg.kind == ExitKind::kFailed && arg.call.error == Errno(EFAULT) &&
         arg.exit_reason == KVM_EXIT_UNKNOWN;
}

// A signal has ended KVM_RUN.
MATCHER(IsInterrupted, "is EINTR with KVM_EXIT_INTR") {
  return arg.kind == ExitKind::kInterrupted && arg.exit_reason == KVM_EXIT_INTR;
}

// A slot at kAway on memory that a file holds, of which there is a second mapping for the host.
struct SharedSlot {
  UniqueFd file;
  Mapping host;
  Memslot slot;

  static Result<SharedSlot> Add(const Vm& vm, Bytes size, Bytes size_of_file) {
    UniqueFd file(memfd_create("guest memory", MFD_CLOEXEC));
    if (!file || ftruncate(file.get(), static_cast<off_t>(size_of_file.count)) != 0) {
      return MakeError("memfd of {} bytes: {}", size_of_file, LastErrno().Explain());
    }
    KCT_TRY(Mapping host, Mapping::OfFile(file.get(), size));
    KCT_TRY(Mapping memory, Mapping::OfFile(file.get(), size));
    const kvm_userspace_memory_region region{.slot = 40,
                                             .flags = 0,
                                             .guest_phys_addr = kAway.value,
                                             .memory_size = size.count,
                                             .userspace_addr = memory.hva().value};
    const MemoryRegionCall added = vm.SetUserMemoryRegion(region);
    if (!added.ok()) return MakeError("{}", added.Record().ToString());
    // Whoever has the file writes there, or ends it.
    PutOnTape(TapeKind::kMemoryChanged, memory.hva().value, size.count);
    return SharedSlot{std::move(file), std::move(host),
                      Memslot(vm.fd(), region, std::move(memory))};
  }
};

// Messages find the local APIC of a vCPU once its state has been set: before, KVM has not put it on
// its map.
inline Status PutApicOnTheMap(const Vcpu& vcpu) {
  kvm_lapic_state state = {};
  const auto got = IssueAt(vcpu.fd(), KVM_GET_LAPIC, &state);
  if (!got.ok()) return MakeError("KVM_GET_LAPIC: {}", got.error.Explain());
  const auto set = IssueAt(vcpu.fd(), KVM_SET_LAPIC, &state);
  if (!set.ok()) return MakeError("KVM_SET_LAPIC: {}", set.error.Explain());
  return {};
}

// The guest that was loaded takes interrupts from now on.
inline Status AllowInterrupts(const Vcpu& vcpu) {
  constexpr uint64_t kIf = 1 << 9;
  KCT_TRY(kvm_regs regs, vcpu.GetRegs());
  regs.rflags |= kIf;
  return vcpu.SetRegs(regs);
}

}  // namespace kct
