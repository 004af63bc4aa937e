// SPDX-License-Identifier: GPL-2.0-only
// Shadow paging: one vCPU writes a page-table entry (mmu/mmu.c:kvm_mmu_track_write) while another
// uses it for the first time (account_shadowed; mmu/paging_tmpl.h:gpte_changed). Either the writer
// sees that the page holds entries in use, or the other sees the new entry.
#include <algorithm>

#include "harness/model/families.h"

namespace kct::model {
namespace {

ShadowedEntry& EntryAt(State& state, uint64_t address) {
  std::vector<ShadowedEntry>& entries = state.rare.Write().shadowed;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const ShadowedEntry& entry) {
    return entry.address == address;
  });
  if (found != entries.end()) return *found;
  entries.push_back({.address = address});
  return entries.back();
}

ShadowedEntry Look(const State& state, uint64_t address) {
  for (const ShadowedEntry& entry : state.rare->shadowed) {
    if (entry.address == address) return entry;
  }
  return {.address = address};
}

bool LooksFirst(const Rules& rules) { return rules.planted.Is(Bug::kTrackingLooksBeforeTheWrite); }

void Track(const Rules& rules, ShadowedEntry& entry) {
  if (entry.counted && !rules.planted.Is(Bug::kTrackingZapsNothing)) entry.shadow = 0;
}

}  // namespace

Choices ShadowChoices(const Rules& rules, const State& state, const Pending& call) {
  const ShadowedEntry entry = Look(state, call.op.address);
  if (call.op.kind == Kind::kWritePageTable) {
    if (call.phase == Phase::kCalled) return One({.move = Move::kMemory, .clause = "SHADOW-02"});
    return One({.move = Move::kFinish, .clause = "SHADOW-01"});
  }
  switch (call.phase) {
    case Phase::kCalled:
      if (entry.shadow != 0) return One({.move = Move::kFinish, .clause = "SHADOW-01"});
      return One({.move = Move::kEnter, .clause = "SHADOW-02"});
    case Phase::kReading:
      return One({.move = Move::kInstall, .clause = "SHADOW-02"});
    default:
      if (entry.guest != call.found && !rules.planted.Is(Bug::kShadowedEntryIsNotReread)) {
        return One({.move = Move::kRetry, .clause = "SHADOW-02"});
      }
      return One({.move = Move::kCompare, .clause = "SHADOW-02"});
  }
}

void TakeShadow(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  ShadowedEntry& entry = EntryAt(state, call.op.address);
  switch (choice.move) {
    case Move::kMemory:
      LooksFirst(rules) ? Track(rules, entry) : void(entry.guest = call.op.value);
      call.phase = Phase::kSwapped;
      return;
    case Move::kEnter:
      call.found = entry.guest;
      call.phase = Phase::kReading;
      return;
    case Move::kInstall:
      entry.counted = true;
      call.phase = Phase::kSwapped;
      return;
    case Move::kRetry:
      call.phase = Phase::kCalled;
      return;
    case Move::kCompare:
      entry.shadow = call.found;
      call.outcome.value = call.found;
      return End(call, Errno());
    default:
      if (call.op.kind == Kind::kWritePageTable) {
        LooksFirst(rules) ? void(entry.guest = call.op.value) : Track(rules, entry);
      } else {
        call.outcome.value = entry.shadow;
      }
      return End(call, Errno());
  }
}

}  // namespace kct::model
