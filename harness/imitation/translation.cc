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

// Whether there is an entry to translate by, in memory or a copy. What is not present has no copy:
// it is looked at again.
bool IsPresent(Stay& stay, Vm& vm, const Vcpu& vcpu, Gpa at) {
  const model::ShadowedEntry* const known = Find(vm, at);
  if (known != nullptr && known->shadow != 0) return true;
  const std::optional<uint64_t> entry = InMemory(vm, vcpu, at);
  if (!entry || (*entry & kPresent) == 0) {
    if (stay.world().Planted(model::Bug::kAbsentEntryIsKept)) vm.absent.insert(at);
    return false;
  }
  if (vm.absent.contains(at)) return false;
  if (known == nullptr || (known->guest & kPresent) == 0) Announce(vm, at, *entry);
  return true;
}

uint64_t FoundBy(const model::Pending& translation) {
  return translation.over() ? translation.outcome.value : translation.found;
}

// A walk down the guest's tables: what it has found of each level, and where that leads.
struct Walk {
  std::vector<model::Pending> levels;
  std::optional<Gpa> target;  // none: an entry is not present
};

Walk WalkDown(Stay& stay, Vm& vm, const Vcpu& vcpu, uint64_t address) {
  Walk walk;
  uint64_t table = vcpu.sregs.cr3 & kAddressMask;
  for (const int shift : kShifts) {
    const uint64_t below = (uint64_t{1} << shift) - 1;
    const Gpa at{table + (address >> shift & 511) * kEntrySize};
    if (!IsPresent(stay, vm, vcpu, at)) return walk;
    walk.levels.push_back(Begin(stay, vm, OfEntry(model::Kind::kTranslate, vcpu, at)));
    const uint64_t entry = FoundBy(walk.levels.back());
    table = entry & kAddressMask;
    const bool is_page = shift == kShifts.back() || (entry & kLargePage) != 0;
    if (is_page) {
      walk.target = Gpa{(table & ~below) | (address & below)};
      return walk;
    }
  }
  return walk;
}

// Lets the copies of all entries be made. Whether each is still what the walk has found.
bool Settle(Stay& stay, Vm& vm, Walk& walk) {
  bool same = true;
  for (model::Pending& level : walk.levels) {
    const uint64_t found = FoundBy(level);
    same = Finish(stay, vm, level).value == found && (found & kPresent) != 0 && same;
  }
  return same;
}

}  // namespace

// As KVM does it: the walk comes first, then the page, for which it may have to wait, and then the
// copies, with another look at each entry.
std::optional<Gpa> Translate(Stay& stay, Vm& vm, const Vcpu& vcpu, uint64_t address) {
  for (;;) {
    Walk walk = WalkDown(stay, vm, vcpu, address);
    const bool in_use = std::all_of(walk.levels.begin(), walk.levels.end(),
                                    [](const model::Pending& level) { return level.over(); });
    if (!in_use && walk.target) AwaitPage(stay, vm, vcpu, *walk.target);
    if (Settle(stay, vm, walk)) return walk.target;
  }
}

TrackedWrite::TrackedWrite(Stay& stay, Vm& vm, const Vcpu& vcpu, Gpa gpa, uint32_t width)
    : stay_(stay), vm_(vm), vcpu_(vcpu), gpa_(gpa), width_(width) {
  if (LooksFirst()) Look();
}

void TrackedWrite::Written() {
  if (!LooksFirst()) Look();
  for (model::Pending& write : writes_) {
    write.op.value = InMemory(vm_, vcpu_, {write.op.address}).value_or(0);
    Finish(stay_, vm_, write);
  }
}

bool TrackedWrite::LooksFirst() const {
  return stay_.world().Planted(model::Bug::kTrackingLooksBeforeTheWrite);
}

void TrackedWrite::Look() {
  const uint64_t end = gpa_.value + width_;
  for (Gpa at{gpa_.value & ~(kEntrySize - 1)}; at.value < end; at = at + Bytes{kEntrySize}) {
    const bool first = at.value <= gpa_.value;
    const bool missed = !first && stay_.world().Planted(model::Bug::kNextEntryIsMissed);
    if (missed || Find(vm_, at) == nullptr) continue;
    model::Operation op = OfEntry(model::Kind::kWritePageTable, vcpu_, at);
    op.value = InMemory(vm_, vcpu_, at).value_or(0);
    writes_.push_back(Begin(stay_, vm_, op));
  }
}

}  // namespace kct::imitation
