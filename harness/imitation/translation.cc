// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/translation.h"

#include <algorithm>
#include <array>

#include "guest/abi.h"
#include "harness/imitation/operations.h"
#include "harness/imitation/user_memory.h"

namespace kct::imitation {
namespace {

constexpr uint64_t kPresent = 1 << 0;
constexpr uint64_t kLargePage = 1 << 7;
constexpr uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
constexpr uint64_t kEntrySize = sizeof(uint64_t);
constexpr std::array kShifts = {39, 30, 21, 12};  // of the levels, from the root on

// What the guest's memory holds there.
std::optional<uint64_t> InMemory(const Vm& vm, const Vcpu& vcpu, Gpa at) {
  const model::Slot* const slot =
      vm.state.FindSlot(vm.state.SpaceOf(vcpu.number), model::PageOf(at.value));
  uint64_t entry = 0;
  if (slot == nullptr || !ReadUser(HostAddressOf(*slot, at), &entry, sizeof entry)) return {};
  return entry;
}

const model::ShadowedEntry* Find(const Vm& vm, Gpa at) {
  const auto& entries = vm.state.rare->shadowed;
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& entry) { return entry.address == at.value; });
  return found == entries.end() ? nullptr : &*found;
}

// The model starts from what is in memory.
void Announce(Vm& vm, Gpa at, uint64_t entry) {
  std::vector<model::ShadowedEntry>& entries = vm.state.rare.Write().shadowed;
  std::erase_if(entries, [&](const auto& other) { return other.address == at.value; });
  entries.push_back({.address = at.value, .guest = entry});
}

model::Operation OfEntry(model::Kind kind, const Vcpu& vcpu, Gpa at) {
  model::Operation op;
  op.kind = kind;
  op.vcpu = vcpu.number;
  op.address = at.value;
  return op;
}

// The entry that the vCPU translates by. What is not present has no copy: it is looked at again.
std::optional<uint64_t> EntryInUse(Stay& stay, Vm& vm, const Vcpu& vcpu, Gpa at) {
  for (;;) {
    const model::ShadowedEntry* const known = Find(vm, at);
    if (known == nullptr || known->shadow == 0) {
      const std::optional<uint64_t> entry = InMemory(vm, vcpu, at);
      if (!entry || (*entry & kPresent) == 0) {
        if (stay.world().Planted(model::Bug::kAbsentEntryIsKept)) vm.absent.insert(at);
        return std::nullopt;
      }
      if (vm.absent.contains(at)) return std::nullopt;
      if (known == nullptr || (known->guest & kPresent) == 0) Announce(vm, at, *entry);
    }
    const uint64_t entry = Perform(stay, vm, OfEntry(model::Kind::kTranslate, vcpu, at)).value;
    if ((entry & kPresent) != 0) return entry;
  }
}

}  // namespace

std::optional<Gpa> Translate(Stay& stay, Vm& vm, const Vcpu& vcpu, uint64_t address) {
  uint64_t table = vcpu.sregs.cr3 & kAddressMask;
  for (const int shift : kShifts) {
    const uint64_t below = (uint64_t{1} << shift) - 1;
    const auto entry = EntryInUse(stay, vm, vcpu, {table + (address >> shift & 511) * kEntrySize});
    if (!entry) return std::nullopt;
    table = *entry & kAddressMask;
    const bool is_page = shift == kShifts.back() || (*entry & kLargePage) != 0;
    if (is_page) return Gpa{(table & ~below) | (address & below)};
  }
  return std::nullopt;
}

void TrackWrite(Stay& stay, Vm& vm, const Vcpu& vcpu, Gpa gpa, uint32_t width) {
  const uint64_t end = gpa.value + width;
  for (Gpa at{gpa.value & ~(kEntrySize - 1)}; at.value < end; at = at + Bytes{kEntrySize}) {
    const bool first = at.value <= gpa.value;
    const bool missed = !first && stay.world().Planted(model::Bug::kNextEntryIsMissed);
    if (missed || Find(vm, at) == nullptr) continue;
    model::Operation op = OfEntry(model::Kind::kWritePageTable, vcpu, at);
    op.value = InMemory(vm, vcpu, at).value_or(0);
    Perform(stay, vm, op);
  }
}

}  // namespace kct::imitation
