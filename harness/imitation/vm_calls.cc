// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "harness/imitation/calls.h"
#include "harness/imitation/copied.h"
#include "harness/imitation/operations.h"
#include "harness/imitation/statistics.h"

namespace kct::imitation {
namespace {

using model::Kind;
using model::Operation;
using model::Outcome;

RawAnswer AnswerOf(const Outcome& outcome) {
  return outcome.error == Errno() ? Returns(0) : RawAnswer{-1, outcome.error};
}

RawAnswer CreateVcpu(Stay& stay, const std::shared_ptr<Vm>& vm) {
  if (vm->vcpus.size() == model::kMostVcpus) return Fails(EINVAL);
  UniqueFd fd(memfd_create("kvm-vcpu", MFD_CLOEXEC));
  const Bytes size = Pages(3);
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(size.count)) != 0)
    return RawAnswer{-1, LastErrno()};
  Result<Mapping> run = Mapping::OfFile(fd.get(), size);
  if (!run) return Fails(ENOMEM);
  auto vcpu = std::make_unique<Vcpu>();
  vcpu->number = static_cast<uint8_t>(vm->vcpus.size());
  vcpu->run = std::move(run).value();
  stay.world().handles[fd.get()] = {Handle::Kind::kVcpu, vm, vm->vcpus.size()};
  vm->vcpus.push_back(std::move(vcpu));
  return Returns(fd.Release());
}

// --- slots ----------------------------------------------------------------------------------

Operation RegionOf(const kvm_userspace_memory_region& region) {
  Operation op;
  op.kind = Kind::kSetRegion;
  op.slot = region.slot;
  op.flags = region.flags;
  op.address = region.guest_phys_addr;
  op.size = region.memory_size;
  op.host = region.userspace_addr;
  return op;
}

// Whether a planted bug refuses a region whose memory is not mapped.
bool IsRefusedUnmapped(const World& world, const Operation& op) {
  char byte;
  return world.Planted(model::Bug::kCreationWantsMappedMemory) && op.size != 0 &&
         !ReadUser({op.host}, &byte, 1);
}

RawAnswer UnreadableRegion(const World& world) {
  return Fails(world.Planted(model::Bug::kRegionBadPointerIsEinval) ? EINVAL : EFAULT);
}

RawAnswer SetRegion(Stay& stay, Vm& vm, uintptr_t argument) {
  const auto region = CopyIn<kvm_userspace_memory_region>(argument);
  if (!region) return UnreadableRegion(stay.world());
  if (IsRefusedUnmapped(stay.world(), RegionOf(*region))) return Fails(EFAULT);
  return AnswerOf(Perform(stay, vm, RegionOf(*region)));
}

RawAnswer SetRegion2(Stay& stay, const std::shared_ptr<Vm>& vm, uintptr_t argument) {
  const auto region = CopyIn<kvm_userspace_memory_region2>(argument);
  if (!region) return UnreadableRegion(stay.world());
  if (stay.world().Planted(model::Bug::kRegionPaddingIsChecked) &&
      (region->pad1 != 0 || region->pad2[0] != 0)) {
    return Fails(EINVAL);
  }
  Operation op = RegionOf({.slot = region->slot,
                           .flags = region->flags,
                           .guest_phys_addr = region->guest_phys_addr,
                           .memory_size = region->memory_size,
                           .userspace_addr = region->userspace_addr});
  op.second_version = true;
  if ((region->flags & KVM_MEM_GUEST_MEMFD) != 0) {
    op.gmem_offset = region->guest_memfd_offset;
    const auto file = stay.world().handles.find(static_cast<int>(region->guest_memfd));
    const bool ours = file != stay.world().handles.end() &&
                      file->second.kind == Handle::Kind::kGuestMemfd && file->second.vm == vm;
    if (ours) op.gmem = static_cast<int32_t>(file->second.index);
  }
  return AnswerOf(Perform(stay, *vm, op));
}

RawAnswer GetDirtyLog(Stay& stay, Vm& vm, uintptr_t argument) {
  const auto log = CopyIn<kvm_dirty_log>(argument);
  if (!log) return Fails(EFAULT);
  // DIRTY-05: the log is not touched where it can't be handed over.
  const bool can_be_told = WriteUser(HvaOf(log->dirty_bitmap), "", 1);
  if (!can_be_told && !stay.world().Planted(model::Bug::kFailedReadEmptiesTheDirtyLog)) {
    return Fails(EFAULT);
  }
  Operation op;
  op.kind = Kind::kGetDirtyLog;
  op.slot = log->slot;
  const Outcome outcome = Perform(stay, vm, op);
  if (outcome.error != Errno()) return AnswerOf(outcome);
  // The model keeps the first 64 pages; the suites look at no others.
  std::vector<uint64_t> bitmap((vm.state.FindSlotById(log->slot)->pages + 63) / 64);
  bitmap[0] = outcome.value;
  const bool copied =
      WriteUser(HvaOf(log->dirty_bitmap), bitmap.data(), bitmap.size() * sizeof(uint64_t));
  return copied ? Returns(0) : Fails(EFAULT);
}

// --- other things of a VM -------------------------------------------------------------------

RawAnswer EnableCap(Stay& stay, Vm& vm, uintptr_t argument) {
  const auto cap = CopyIn<kvm_enable_cap>(argument);
  if (!cap) return Fails(EFAULT);
  if (cap->flags != 0) return Fails(EINVAL);
  Operation op;
  if (cap->cap == KVM_CAP_DISABLE_QUIRKS2) {
    op.kind = Kind::kDisableQuirks;
    op.flags = cap->args[0];
  } else if (cap->cap == KVM_CAP_EXIT_HYPERCALL) {
    op.kind = Kind::kEnableExits;
    op.value = cap->args[0];
  } else {
    return Fails(EINVAL);
  }
  return AnswerOf(Perform(stay, vm, op));
}

RawAnswer CreateGuestMemfd(Stay& stay, const std::shared_ptr<Vm>& vm, uintptr_t argument) {
  const auto wanted = CopyIn<kvm_create_guest_memfd>(argument);
  if (!wanted) return Fails(EFAULT);
  Operation op;
  op.kind = Kind::kCreateGuestMemfd;
  op.size = wanted->size;
  op.flags = wanted->flags;
  const Outcome outcome = Perform(stay, *vm, op);
  if (outcome.error != Errno()) return AnswerOf(outcome);
  UniqueFd fd(memfd_create("kvm-gmem", MFD_CLOEXEC));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(wanted->size)) != 0)
    return RawAnswer{-1, LastErrno()};
  stay.world().handles[fd.get()] = {Handle::Kind::kGuestMemfd, vm, vm->files.size()};
  vm->files.push_back({UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)), {}});
  return Returns(fd.Release());
}

}  // namespace

RawAnswer CallVm(Stay& stay, const std::shared_ptr<Vm>& vm, unsigned long request,
                 uintptr_t argument) {
  switch (request) {
    case KVM_CHECK_EXTENSION:
      return Returns(Capability(vm->rules, argument));
    case KVM_CREATE_VCPU:
      return CreateVcpu(stay, vm);
    case KVM_SET_USER_MEMORY_REGION:
      return SetRegion(stay, *vm, argument);
    case KVM_SET_USER_MEMORY_REGION2:
      return SetRegion2(stay, vm, argument);
    case KVM_GET_DIRTY_LOG:
      return GetDirtyLog(stay, *vm, argument);
    case KVM_ENABLE_CAP:
      return EnableCap(stay, *vm, argument);
    case KVM_CREATE_GUEST_MEMFD:
      return CreateGuestMemfd(stay, vm, argument);
    case KVM_GET_STATS_FD:
      return StatisticsOf(vm->state);
    case KVM_PRE_FAULT_MEMORY:
      return stay.world().Planted(model::Bug::kPrefaultIsAVmIoctl) ? Returns(0) : Fails(ENOTTY);
    default:
      return Fails(ENOTTY);
  }
}

}  // namespace kct::imitation
