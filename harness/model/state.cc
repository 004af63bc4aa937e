// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/state.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/abi/uapi.h"
#include "harness/model/hasher.h"

namespace kct::model {
namespace {

template <typename T, std::size_t kCapacity>
bool Equal(const FixedVector<T, kCapacity>& a, const FixedVector<T, kCapacity>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

bool State::operator==(const State& other) const {
  return Equal(slots, other.slots) && rare == other.rare && Equal(files, other.files) &&
         Equal(words, other.words) && entries == other.entries && slots_lock == other.slots_lock &&
         zap_all_quirk == other.zap_all_quirk && swaps == other.swaps &&
         old_readers == other.old_readers && new_readers == other.new_readers &&
         busy_vcpus == other.busy_vcpus && running_vcpus == other.running_vcpus &&
         smm_vcpus == other.smm_vcpus && stale_roots == other.stale_roots;
}

uint64_t State::Hash() const {
  Hasher hasher;
  for (const Slot& slot : slots) {
    hasher.Add(slot.id).Add(slot.flags).Add(slot.gfn).Add(slot.host).Add(slot.pages);
    hasher.Add(slot.invalid ? 1 : 2);
  }
  if (!rare.untouched()) hasher.Add(rare->Hash());
  for (const GuestMemfd& file : files) {
    hasher.Add(file.pages).Add(file.poisoned << 1 | (file.closed ? 1u : 0u));
    if (file.in_place) hasher.Add(file.is_private).Add(file.held);
  }
  for (const Entry& entry : entries) hasher.Add(entry.gfn);
  hasher.Add(static_cast<uint64_t>(slots_lock) | static_cast<uint64_t>(zap_all_quirk) << 1 |
             static_cast<uint64_t>(old_readers) << 18 | static_cast<uint64_t>(new_readers) << 26 |
             static_cast<uint64_t>(busy_vcpus) << 34 | static_cast<uint64_t>(running_vcpus) << 58 |
             static_cast<uint64_t>(smm_vcpus) << 42);
  return hasher.value();
}

const Slot* State::FindSlot(uint32_t space, uint64_t gfn) const {
  for (const Slot& slot : slots) {
    if (slot.space() == space && slot.Covers(gfn)) return &slot;
  }
  return nullptr;
}

uint64_t State::AttributesOf(uint64_t gfn) const {
  const bool in_place = !files.empty() && files.begin()->in_place;
  if (!in_place) return rare.untouched() ? 0 : rare->AttributesOf(gfn);
  const Slot* slot = FindSlot(0, gfn);
  if (slot == nullptr || slot->gmem < 0) return 0;
  const uint64_t page = slot->gmem_page + gfn - slot->gfn;
  const auto number = static_cast<std::size_t>(slot->gmem);
  const bool is_private = number < files.size() && files[number].HasPrivate(page);
  return is_private ? uint64_t{KVM_MEMORY_ATTRIBUTE_PRIVATE} : 0;
}

Slot* State::FindSlotById(uint32_t id) {
  for (Slot& slot : slots) {
    if (slot.id == id) return &slot;
  }
  return nullptr;
}

const Slot* State::FindSlotById(uint32_t id) const {
  return const_cast<State*>(this)->FindSlotById(id);
}

const Invalidation* State::FindInvalidation(const Slot& slot, uint64_t gfn) const {
  if (rare.untouched()) return nullptr;
  for (const Invalidation& one : rare->invalidations) {
    uint64_t page = gfn;
    if (one.of == Invalidation::Of::kHostPages) page = slot.host + gfn - slot.gfn;
    if (one.of == Invalidation::Of::kFilePages) {
      if (one.gmem != slot.gmem) continue;
      page = slot.gmem_page + gfn - slot.gfn;
    }
    if (page >= one.first && page <= one.last) return &one;
  }
  return nullptr;
}

std::string State::ToString() const {
  std::string text;
  for (const Slot& slot : slots) {
    text += fmt::format("slot {:#x}: gpa {:#x}, {} pages, flags {:#x}{}{}\n", slot.id,
                        slot.gfn * kPageBytes, slot.pages, slot.flags,
                        slot.gmem >= 0 ? fmt::format(", guest_memfd {}", slot.gmem) : "",
                        slot.invalid ? ", being deleted or moved" : "");
  }
  text += rare->ToString();
  for (std::size_t i = 0; i < files.size(); ++i) {
    text += fmt::format("guest_memfd {}: {} pages, flags {:#x}{}{}\n", i, files[i].pages,
                        files[i].flags, files[i].closed ? ", closed" : "",
                        files[i].poisoned != 0 ? ", poisoned" : "");
  }
  text +=
      fmt::format("readers {}+{}, slots_lock {}, busy vCPUs {:#x}, stale roots {:#x}\n",
                  old_readers, new_readers, slots_lock ? "held" : "free", busy_vcpus, stale_roots);
  return text;
}

}  // namespace kct::model
