// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/checks.h"

#include <array>
#include <cerrno>
#include <vector>

#include "harness/abi/proposed.h"
#include "harness/abi/uapi.h"

namespace kct::model {
namespace {

constexpr uint64_t kMostPages = (uint64_t{1} << 31) - 1;
constexpr uint64_t kEndOfUserSpace = (uint64_t{1} << 47) - kPageBytes;
constexpr uint64_t kFirstFlags = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY;

bool Unaligned(uint64_t address) { return address % kPageBytes != 0; }

uint64_t KnownFlags(const Rules& rules) {
  uint64_t flags = KVM_MEM_LOG_DIRTY_PAGES;
  if (rules.guest_memfd) flags |= KVM_MEM_GUEST_MEMFD;
  if (rules.readonly_slots) flags |= KVM_MEM_READONLY;
  if (rules.fault_exits) flags |= kMemUserfault;
  return flags;
}

bool Overlaps(const State& state, const Operation& op) {
  const uint64_t first = PageOf(op.address), last = first + PageOf(op.size) - 1;
  for (const Slot& slot : state.slots) {
    if (slot.space() != op.slot >> 16 || slot.id == op.slot) continue;
    if (slot.gfn <= last && first <= slot.gfn + slot.pages - 1) return true;
  }
  return false;
}

// kSetRegion of a slot that exists, with a size.
const Slot* Changed(const State& state, const Operation& op) {
  return op.size == 0 ? nullptr : state.FindSlotById(op.slot);
}

// The file that a new slot is to be bound to; nullptr: none of this VM's.
const GuestMemfd* FileToBind(const State& state, const Operation& op) {
  const auto number = static_cast<std::size_t>(op.gmem);
  return op.gmem >= 0 && number < state.files.size() ? &state.files[number] : nullptr;
}

bool Binds(const State& state, const Operation& op) {
  return op.size != 0 && (op.flags & KVM_MEM_GUEST_MEMFD) != 0 &&
         state.FindSlotById(op.slot) == nullptr;
}

bool IsBound(const State& state, const Operation& op) {
  const uint64_t first = PageOf(op.gmem_offset), last = first + PageOf(op.size) - 1;
  for (const Slot& slot : state.slots) {
    if (slot.gmem != op.gmem) continue;
    if (slot.gmem_page <= last && first <= slot.gmem_page + slot.pages - 1) return true;
  }
  return false;
}

bool TakesAPlace(const State& state, const Operation& op) {
  if (op.size == 0) return false;
  const Slot* slot = state.FindSlotById(op.slot);
  return slot == nullptr || slot->gfn != PageOf(op.address);
}

// Shorter in the table below, where a row does not need all of them.
using R = const Rules&;
using S = const State&;
using O = const Operation&;

// virt/kvm/kvm_main.c: kvm_vm_ioctl, check_memory_region_flags, kvm_set_memory_region; then
// kvm_vcpu_pre_fault_memory and mmu/mmu.c:kvm_arch_vcpu_pre_fault_memory.
const std::array kChecks{
    Check{Kind::kSetRegion, "region-flags-of-version-2",
          "the first version has a flag beyond its two", "MEMSLOT-20", Errno(EINVAL),
          [](R rules, S, O op) {
            const uint64_t known =
                rules.fault_exits ? kFirstFlags | kMemExitOnMissing : kFirstFlags;
            return !op.second_version && (op.flags & ~known) != 0;
          }},
    Check{Kind::kSetRegion, "region-flags", "a flag is unknown", "MEMSLOT-20", Errno(EINVAL),
          [](R rules, S, O op) { return (op.flags & ~KnownFlags(rules)) != 0; }},
    Check{Kind::kSetRegion, "region-flags-with-guest-memfd",
          "KVM_MEM_GUEST_MEMFD comes with another flag", "MEMSLOT-21", Errno(EINVAL),
          [](R, S, O op) {
            return (op.flags & KVM_MEM_GUEST_MEMFD) != 0 &&
                   (op.flags & ~uint64_t{KVM_MEM_GUEST_MEMFD}) != 0;
          }},
    Check{Kind::kSetRegion, "region-size-unaligned", "the size is no multiple of a page",
          "MEMSLOT-12", Errno(EINVAL), [](R, S, O op) { return Unaligned(op.size); }},
    Check{Kind::kSetRegion, "region-gpa-unaligned", "the guest address is unaligned", "MEMSLOT-12",
          Errno(EINVAL), [](R, S, O op) { return Unaligned(op.address); }},
    Check{Kind::kSetRegion, "region-hva-unaligned", "the host address is unaligned", "MEMSLOT-12",
          Errno(EINVAL), [](R, S, O op) { return Unaligned(op.host); }},
    Check{Kind::kSetRegion, "region-hva-beyond-user-space", "the host range leaves user space",
          "MEMSLOT-13", Errno(EINVAL),
          [](R, S, O op) {
            return op.size > kEndOfUserSpace || op.host > kEndOfUserSpace - op.size;
          }},
    Check{Kind::kSetRegion, "region-gmem-offset", "the offset in the file is unaligned, or wraps",
          "GMEM-20", Errno(EINVAL),
          [](R, S, O op) {
            return (op.flags & KVM_MEM_GUEST_MEMFD) != 0 &&
                   (Unaligned(op.gmem_offset) || op.gmem_offset + op.size < op.gmem_offset);
          }},
    Check{Kind::kSetRegion, "region-space-beyond-limit", "there is no such address space",
          "MEMSLOT-18", Errno(EINVAL),
          [](R rules, S, O op) { return op.slot >> 16 >= rules.address_spaces; }},
    Check{Kind::kSetRegion, "region-id-beyond-limit", "there is no such slot id", "MEMSLOT-17",
          Errno(EINVAL), [](R rules, S, O op) { return (op.slot & 0xffff) >= rules.slot_ids; }},
    Check{Kind::kSetRegion, "region-wraps", "the guest range wraps", "MEMSLOT-14", Errno(EINVAL),
          [](R, S, O op) { return op.address + op.size < op.address; }, Shown::kBySuites, true},
    Check{Kind::kSetRegion, "region-too-many-pages", "the slot has 2^31 pages or more",
          "MEMSLOT-19", Errno(EINVAL), [](R, S, O op) { return PageOf(op.size) > kMostPages; }},
    Check{Kind::kSetRegion, "region-delete-of-nothing", "there is no slot to delete", "MEMSLOT-10",
          Errno(EINVAL),
          [](R, S state, O op) { return op.size == 0 && state.FindSlotById(op.slot) == nullptr; }},
    Check{Kind::kSetRegion, "region-guest-memfd-changed",
          "the slot has a guest_memfd and is changed", "MEMSLOT-05", Errno(EINVAL),
          [](R, S state, O op) {
            return Changed(state, op) != nullptr && (op.flags & KVM_MEM_GUEST_MEMFD) != 0;
          }},
    Check{Kind::kSetRegion, "region-hva-changed", "the host address of the slot changes",
          "MEMSLOT-04", Errno(EINVAL),
          [](R, S state, O op) {
            const Slot* slot = Changed(state, op);
            return slot != nullptr && slot->host != PageOf(op.host);
          }},
    Check{Kind::kSetRegion, "region-size-changed", "the size of the slot changes", "MEMSLOT-03",
          Errno(EINVAL),
          [](R, S state, O op) {
            const Slot* slot = Changed(state, op);
            return slot != nullptr && slot->pages != PageOf(op.size);
          }},
    Check{Kind::kSetRegion, "region-flags-for-life-changed",
          "KVM_MEM_READONLY or KVM_MEM_GUEST_MEMFD of the slot changes", "MEMSLOT-05",
          Errno(EINVAL),
          [](R, S state, O op) {
            const Slot* slot = Changed(state, op);
            return slot != nullptr &&
                   ((slot->flags ^ op.flags) & (KVM_MEM_READONLY | KVM_MEM_GUEST_MEMFD)) != 0;
          }},
    Check{Kind::kSetRegion, "region-overlap", "the range overlaps another slot", "MEMSLOT-07",
          Errno(EEXIST),
          [](R, S state, O op) { return TakesAPlace(state, op) && Overlaps(state, op); }},
    Check{Kind::kSetRegion, "region-gmem-bad-descriptor", "there is no such file", "GMEM-19",
          Errno(EBADF),
          [](R, S state, O op) {
            const GuestMemfd* file = FileToBind(state, op);
            return Binds(state, op) && op.gmem != -2 && (file == nullptr || file->closed);
          }},
    Check{Kind::kSetRegion, "region-gmem-of-others", "the file is no guest_memfd of this VM",
          "GMEM-19", Errno(EINVAL),
          [](R, S state, O op) { return Binds(state, op) && op.gmem == -2; }},
    Check{Kind::kSetRegion, "region-gmem-beyond-file", "the range leaves the file", "GMEM-20",
          Errno(EINVAL),
          [](R, S state, O op) {
            const GuestMemfd* file = FileToBind(state, op);
            return Binds(state, op) && file != nullptr &&
                   PageOf(op.gmem_offset) + PageOf(op.size) > file->pages;
          }},
    Check{Kind::kSetRegion, "region-beyond-address-width",
          "a new slot ends beyond the guest addresses", "MEMSLOT-15", Errno(EINVAL),
          [](R rules, S state, O op) {
            // A move fails later, with the slot marked already: see update.cc.
            return op.size != 0 && state.FindSlotById(op.slot) == nullptr &&
                   PageOf(op.address) + PageOf(op.size) > rules.first_gfn_beyond;
          }},
    Check{Kind::kSetRegion, "region-gmem-bound-twice", "a page of the file is bound already",
          "GMEM-21", Errno(EEXIST),
          [](R, S state, O op) { return Binds(state, op) && op.gmem >= 0 && IsBound(state, op); }},
    Check{Kind::kPreFault, "prefault-flags", "a flag is set", "PREFAULT-03", Errno(EINVAL),
          [](R, S, O op) { return op.flags != 0; }},
    Check{Kind::kPreFault, "prefault-unaligned", "the range is unaligned", "PREFAULT-04",
          Errno(EINVAL), [](R, S, O op) { return Unaligned(op.address) || Unaligned(op.size); }},
    Check{Kind::kPreFault, "prefault-empty", "the size is 0", "PREFAULT-05", Errno(EINVAL),
          [](R, S, O op) { return op.size == 0; }},
    Check{Kind::kPreFault, "prefault-wraps", "the range wraps or reaches 2^64", "PREFAULT-06",
          Errno(EINVAL),
          [](R, S, O op) { return op.size != 0 && op.address + op.size <= op.address; }},
    Check{Kind::kPreFault, "prefault-without-tdp", "paging is not two-dimensional", "PREFAULT-13",
          Errno(EOPNOTSUPP), [](R rules, S, O) { return !rules.two_dimensional_paging; }},
};

}  // namespace

namespace {

struct Table {
  std::vector<Check> checks;
  std::array<std::vector<uint16_t>, 256> of_kind;  // indices, in order
};

const Table& AllInOrder() {
  static const Table table = [] {
    Table made;
    made.checks.assign(kChecks.begin(), kChecks.end());
    made.checks.insert(made.checks.end(), AreaChecks().begin(), AreaChecks().end());
    for (std::size_t i = 0; i < made.checks.size(); ++i) {
      made.of_kind[static_cast<std::size_t>(made.checks[i].kind)].push_back(
          static_cast<uint16_t>(i));
    }
    return made;
  }();
  return table;
}

}  // namespace

std::span<const Check> AllChecks() { return AllInOrder().checks; }

const Check* FirstRefusal(const Rules& rules, const State& state, const Operation& op) {
  const Table& table = AllInOrder();
  for (const uint16_t index : table.of_kind[static_cast<std::size_t>(op.kind)]) {
    const Check& check = table.checks[index];
    if (!check.applies(rules, state, op)) continue;
    const bool dropped =
        rules.planted.fault == CheckFault::kDropped && rules.planted.check == index;
    if (!dropped) return &check;
  }
  return nullptr;
}

Errno AnswerOf(const Rules& rules, const Check& check) {
  const bool planted = rules.planted.fault == CheckFault::kOtherErrno &&
                       rules.planted.check == &check - AllChecks().data();
  return planted ? Errno(ENXIO) : check.answer;
}

}  // namespace kct::model
