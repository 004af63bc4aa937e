// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/state.h"

#include <fmt/format.h>

#include <algorithm>

namespace kct::model {
namespace {

template <typename T, std::size_t kCapacity>
bool Equal(const FixedVector<T, kCapacity>& a, const FixedVector<T, kCapacity>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

class Hasher {
 public:
  Hasher& Add(uint64_t word) {
    hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 29;
    return *this;
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0x2545f4914f6cdd1d;
};

}  // namespace

bool State::operator==(const State& other) const {
  return Equal(slots, other.slots) && Equal(attributes, other.attributes) &&
         Equal(files, other.files) && Equal(words, other.words) && entries == other.entries &&
         slots_lock == other.slots_lock && zap_all_quirk == other.zap_all_quirk &&
         swaps == other.swaps && old_readers == other.old_readers &&
         new_readers == other.new_readers && busy_vcpus == other.busy_vcpus &&
         running_vcpus == other.running_vcpus && smm_vcpus == other.smm_vcpus &&
         stale_roots == other.stale_roots;
}

uint64_t State::Hash() const {
  Hasher hasher;
  for (const Slot& slot : slots) {
    hasher.Add(slot.id).Add(slot.flags).Add(slot.gfn).Add(slot.host).Add(slot.pages);
    hasher.Add(slot.invalid ? 1 : 2);
  }
  for (const AttributeRange& range : attributes) {
    hasher.Add(range.first).Add(range.last).Add(range.attributes);
  }
  for (const GuestMemfd& file : files) hasher.Add(file.pages).Add(file.closed ? 1 : 2);
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

Slot* State::FindSlotById(uint32_t id) {
  for (Slot& slot : slots) {
    if (slot.id == id) return &slot;
  }
  return nullptr;
}

const Slot* State::FindSlotById(uint32_t id) const {
  return const_cast<State*>(this)->FindSlotById(id);
}

uint64_t State::AttributesOf(uint64_t gfn) const {
  for (const AttributeRange& range : attributes) {
    if (gfn >= range.first && gfn <= range.last) return range.attributes;
  }
  return 0;
}

std::string State::ToString() const {
  std::string text;
  for (const Slot& slot : slots) {
    text += fmt::format("slot {:#x}: gpa {:#x}, {} pages, flags {:#x}{}{}\n", slot.id,
                        slot.gfn * kPageBytes, slot.pages, slot.flags,
                        slot.gmem >= 0 ? fmt::format(", guest_memfd {}", slot.gmem) : "",
                        slot.invalid ? ", being deleted or moved" : "");
  }
  for (const AttributeRange& range : attributes) {
    text += fmt::format("attributes {:#x}: gpa {:#x}, {} pages\n", range.attributes,
                        range.first * kPageBytes, range.last - range.first + 1);
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    text += fmt::format("guest_memfd {}: {} pages{}\n", i, files[i].pages,
                        files[i].closed ? ", closed" : "");
  }
  text +=
      fmt::format("readers {}+{}, slots_lock {}, busy vCPUs {:#x}, stale roots {:#x}\n",
                  old_readers, new_readers, slots_lock ? "held" : "free", busy_vcpus, stale_roots);
  return text;
}

}  // namespace kct::model
