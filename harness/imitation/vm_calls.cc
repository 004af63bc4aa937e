// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

#include "harness/abi/proposed.h"
#include "harness/imitation/calls.h"
#include "harness/imitation/copied.h"
#include "harness/imitation/file_calls.h"
#include "harness/imitation/operations.h"
#include "harness/imitation/statistics.h"
#include "harness/imitation/user_memory.h"

namespace kct::imitation {
namespace {

using model::Bug;
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
  return world.Planted(Bug::kCreationWantsMappedMemory) && op.size != 0 &&
         !ReadUser({op.host}, &byte, 1);
}

// Operation::gmem of a descriptor that is open and no guest_memfd of this VM, and of none.
constexpr int32_t kForeignFile = -2, kNoFile = -1;

RawAnswer UnreadableRegion(const World& world) {
  return Fails(world.Planted(Bug::kRegionBadPointerIsEinval) ? EINVAL : EFAULT);
}

RawAnswer SetRegion(Stay& stay, Vm& vm, uintptr_t argument) {
  const auto region = CopyIn<kvm_userspace_memory_region>(argument);
  if (!region) return UnreadableRegion(stay.world());
  if (IsRefusedUnmapped(stay.world(), RegionOf(*region))) return Fails(EFAULT);
  vm.fault_bitmaps[region->slot] = {0};
  return AnswerOf(Perform(stay, vm, RegionOf(*region)));
}

// A planted bug: nothing is left in any file.
void EmptyFiles(const Vm& vm) {
  for (std::size_t i = 0; i < vm.files.size(); ++i) {
    fallocate(vm.files[i].fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
              static_cast<off_t>(vm.state.files[i].pages * kPage.count));
  }
}

RawAnswer SetRegion2(Stay& stay, const std::shared_ptr<Vm>& vm, uintptr_t argument) {
  const auto region = CopyIn<kvm_userspace_memory_region2>(argument);
  if (!region) return UnreadableRegion(stay.world());
  if (stay.world().Planted(Bug::kRegionPaddingIsChecked) &&
      (region->pad1 != 0 || region->pad2[0] != 0)) {
    return Fails(EINVAL);
  }
  Operation op = RegionOf({.slot = region->slot,
                           .flags = region->flags,
                           .guest_phys_addr = region->guest_phys_addr,
                           .memory_size = region->memory_size,
                           .userspace_addr = region->userspace_addr});
  op.second_version = true;
  vm->fault_bitmaps[region->slot] = {region->pad2[kUserfaultBitmapInPad2]};
  if ((region->flags & KVM_MEM_GUEST_MEMFD) != 0) {
    op.gmem_offset = region->guest_memfd_offset;
    const auto file = stay.world().handles.find(static_cast<int>(region->guest_memfd));
    const bool ours = file != stay.world().handles.end() &&
                      file->second.kind == Handle::Kind::kGuestMemfd && file->second.vm == vm;
    const bool is_open = fcntl(static_cast<int>(region->guest_memfd), F_GETFD) >= 0;
    op.gmem = ours ? static_cast<int32_t>(file->second.index) : is_open ? kForeignFile : kNoFile;
  }
  const Outcome outcome = Perform(stay, *vm, op);
  if (region->memory_size == 0 && stay.world().Planted(Bug::kContentsGoWithSlot)) {
    EmptyFiles(*vm);
  }
  return AnswerOf(outcome);
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

int CapabilityOfVm(const World& world, const Vm& vm, unsigned long cap) {
  if (cap == KVM_CAP_MEMORY_ATTRIBUTES && world.Planted(Bug::kAttributesAreForEveryVm)) {
    return KVM_MEMORY_ATTRIBUTE_PRIVATE;
  }
  const bool hidden =
      (cap == KVM_CAP_GUEST_MEMFD && world.Planted(Bug::kGmemCapabilityIsMissing)) ||
      (cap == KVM_CAP_GUEST_MEMFD_FLAGS && world.Planted(Bug::kGmemFlagsAreNotTold));
  return hidden ? 0 : Capability(vm.rules, cap);
}

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

// A planted bug: the first pages hold something.
void Soil(int fd) {
  constexpr uint64_t kDirt = 0xd1'47, kPages = 16;
  for (uint64_t page = 0; page < kPages; ++page) {
    (void)!pwrite(fd, &kDirt, sizeof kDirt, static_cast<off_t>(Pages(page).count));
  }
}

// A number for a new file: that of one that is gone with its slots, or the next.
int32_t FreeNumber(const Vm& vm) {
  const auto& files = vm.state.files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const bool has_slot =
        std::any_of(vm.state.slots.begin(), vm.state.slots.end(),
                    [&](const model::Slot& slot) { return slot.gmem == static_cast<int32_t>(i); });
    if (files[i].closed && !has_slot) return static_cast<int32_t>(i);
  }
  return static_cast<int32_t>(files.size());
}

// Whether the calling thread may have no memory for the attributes: a page of theirs is for 64 of
// the guest's.
bool LacksObjects(const World& world, const Operation& op) {
  constexpr uint64_t kNode = 576, kPagesOfNode = 64;
  const auto left = world.objects.find(gettid());
  if (left == world.objects.end() || op.size == 0) return false;
  const uint64_t first = op.address / kPage.count / kPagesOfNode;
  const uint64_t last = (op.address + op.size - 1) / kPage.count / kPagesOfNode;
  return left->second.count < (last - first + 1) * kNode;
}

// A planted bug: what is behind slots with a file is gone, in both kinds of memory.
void EmptySlots(const Vm& vm) {
  EmptyFiles(vm);
  for (const model::Slot& slot : vm.state.slots) {
    const std::vector<char> zeros(slot.gmem < 0 ? 0 : slot.pages * kPage.count);
    (void)WriteUser({slot.host * kPage.count}, zeros.data(), zeros.size());
  }
}

RawAnswer SetAttributes(Stay& stay, Vm& vm, uintptr_t argument) {
  const World& world = stay.world();
  const auto attributes = CopyIn<kvm_memory_attributes>(argument);
  if (!attributes) {
    if (vm.rules.lacks_attributes) return Fails(ENOTTY);
    return Fails(world.Planted(Bug::kAttributesBadPointerIsEinval) ? EINVAL : EFAULT);
  }
  Operation op;
  op.kind = Kind::kSetAttributes;
  op.flags = attributes->flags;
  op.address = attributes->address;
  op.size = attributes->size;
  op.value = attributes->attributes;
  op.may_fault = LacksObjects(world, op);
  const Outcome outcome = Perform(stay, vm, op);
  if (world.Planted(Bug::kConversionDropsContents)) EmptySlots(vm);
  if (world.Planted(Bug::kAttributesStopForSignals) && stay.SignalPending()) return Fails(EINTR);
  return AnswerOf(outcome);
}

RawAnswer CreateGuestMemfd(Stay& stay, const std::shared_ptr<Vm>& vm, uintptr_t argument) {
  const auto wanted = CopyIn<kvm_create_guest_memfd>(argument);
  const World& world = stay.world();
  if (!wanted) return Fails(world.Planted(Bug::kGmemBadPointerIsEinval) ? EINVAL : EFAULT);
  if (world.Planted(Bug::kGmemIsUnknown)) return Fails(ENOTTY);
  const bool checks_reserved = world.Planted(Bug::kGmemReservedIsChecked);
  const bool wants_both = world.Planted(Bug::kGmemFlagsNeedEachOther);
  if (checks_reserved && wanted->reserved[0] != 0) return Fails(EINVAL);
  const bool counts_memory = world.Planted(Bug::kLargeFileIsRefused);
  if (counts_memory && wanted->size >= uint64_t{1} << 40) return Fails(ENOMEM);
  if (wants_both && std::popcount(wanted->flags) == 1) return Fails(EINVAL);
  Operation op;
  op.kind = Kind::kCreateGuestMemfd;
  op.gmem = FreeNumber(*vm);
  op.size = wanted->size;
  op.flags = wanted->flags;
  const Outcome outcome = Perform(stay, *vm, op);
  if (outcome.error != Errno()) return AnswerOf(outcome);
  UniqueFd fd(memfd_create("kvm-gmem", world.Planted(Bug::kGmemIsCloseOnExec) ? MFD_CLOEXEC : 0));
  const uint64_t more = world.Planted(Bug::kFileShowsAnotherSize) ? kPage.count : 0;
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(wanted->size + more)) != 0) {
    const Errno why = LastErrno();
    close(fd.Release());  // not by way of the imitation, whose lock we have
    return RawAnswer{-1, why};
  }
  if (world.Planted(Bug::kFreshPageIsNotZero)) Soil(fd.get());
  const auto number = static_cast<std::size_t>(op.gmem);
  if (vm->files.size() <= number) vm->files.resize(number + 1);
  // Ours alone: an end of them that the imitation is told of would wait for the lock that we have.
  for (UniqueFd* old : {&vm->files[number].fd, &vm->files[number].nothing}) close(old->Release());
  vm->files[number].fd = UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  stay.world().handles[fd.get()] = {Handle::Kind::kGuestMemfd, vm, number};
  return Returns(fd.Release());
}

// Proposed: KVM_SET_MEMORY_ATTRIBUTES2.
RawAnswer ConvertFile(Stay& stay, const Handle& file, uintptr_t argument) {
  auto wanted = CopyIn<KvmMemoryAttributes2>(argument);
  if (!wanted) return Fails(EFAULT);
  const bool is_clean = wanted->error_offset == 0 &&
                        std::ranges::all_of(wanted->reserved, [](__u64 one) { return one == 0; });
  if (!is_clean) return Fails(EINVAL);
  Operation op;
  op.kind = Kind::kConvertGuestMemfd;
  op.gmem = static_cast<int32_t>(file.index);
  op.address = wanted->offset;
  op.size = wanted->size;
  op.value = wanted->attributes;
  op.flags = wanted->flags;
  op.may_fault = LacksObjects(stay.world(), op);
  const Outcome outcome = Perform(stay, *file.vm, op);
  if (outcome.error == Errno(EAGAIN)) {
    wanted->error_offset = outcome.address;
    if (!CopyOut(argument, *wanted)) return Fails(EFAULT);
  }
  const int fd = file.vm->files[file.index].fd.get();
  const off_t offset = static_cast<off_t>(op.address), size = static_cast<off_t>(op.size);
  const model::Planted& planted = stay.world().rules.planted;
  const bool zeroes = op.flags == kConvertZeroes && !planted.Is(Bug::kZeroingKeepsContents);
  const bool loses = op.flags == kConvertPreserves && planted.Is(Bug::kPreservingDropsContents);
  if (outcome.error == Errno() && (zeroes || loses)) {
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
  }
  if (outcome.error != Errno(EINVAL)) ShowPages(file, {op.address, Bytes{op.size}});
  return AnswerOf(outcome);
}

}  // namespace

RawAnswer CallFile(Stay& stay, const Handle& file, unsigned long request, uintptr_t argument) {
  const World& world = stay.world();
  if (request == kKvmSetMemoryAttributes2 && world.rules.in_place_conversion) {
    return ConvertFile(stay, file, argument);
  }
  return world.Planted(Bug::kFileTakesIoctls) ? Returns(0) : Fails(ENOTTY);
}

RawAnswer CallVm(Stay& stay, const std::shared_ptr<Vm>& vm, unsigned long request,
                 uintptr_t argument) {
  switch (request) {
    case KVM_CHECK_EXTENSION:
      return Returns(CapabilityOfVm(stay.world(), *vm, argument));
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
    case KVM_SET_MEMORY_ATTRIBUTES:
      return SetAttributes(stay, *vm, argument);
    case KVM_CREATE_GUEST_MEMFD:
      return CreateGuestMemfd(stay, vm, argument);
    case KVM_GET_STATS_FD:
      return StatisticsOf(vm->rules, vm->state);
    case KVM_PRE_FAULT_MEMORY:
      return stay.world().Planted(Bug::kPrefaultIsAVmIoctl) ? Returns(0) : Fails(ENOTTY);
    default:
      return Fails(ENOTTY);
  }
}

}  // namespace kct::imitation
