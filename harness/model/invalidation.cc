// SPDX-License-Identifier: GPL-2.0-only
// Calls that take pages away from under the guest: KVM_SET_MEMORY_ATTRIBUTES
// (virt/kvm/kvm_main.c:kvm_vm_set_mem_attributes), a hole in a guest_memfd
// (virt/kvm/guest_memfd.c:kvm_gmem_punch_hole), MADV_DONTNEED (kvm_mmu_notifier_invalidate_range_
// start and …_end). All have the same two steps: entries of stage 2 go and no new ones are made;
// then the pages are gone, or what they are has changed, and the guest may look again.
#include <algorithm>
#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/checks.h"
#include "harness/model/families.h"

namespace kct::model {
namespace {

Invalidation InvalidationOf(const Operation& op) {
  const uint64_t first = PageOf(op.address);
  const uint64_t last = PageOf(op.address + op.size - 1);
  switch (op.kind) {
    case Kind::kSetAttributes:
      return {Invalidation::Of::kGuestPages, -1, first, last, op.value};
    case Kind::kPunchGuestMemfd:
    case Kind::kConvertGuestMemfd:
      return {Invalidation::Of::kFilePages, op.gmem, first, last, op.value};
    default:
      return {Invalidation::Of::kHostPages, -1, first, last, 0};
  }
}

ClauseId ClauseOf(Kind kind) {
  switch (kind) {
    case Kind::kSetAttributes:
      return "ATTR-10";
    case Kind::kPunchGuestMemfd:
      return "GMEM-17";
    case Kind::kConvertGuestMemfd:
      return "CONV-04";
    default:
      return "MN-04";
  }
}

Choices BeginChoices(const Rules& rules, const State& state, const Operation& op) {
  const bool sets_attributes = op.kind == Kind::kSetAttributes;
  const bool punches = op.kind == Kind::kPunchGuestMemfd;
  if (punches && (op.gmem < 0 || !FileExists(state, op))) return {};
  if (sets_attributes && state.slots_lock) return {};
  if (const Check* check = FirstRefusal(rules, state, op)) {
    return One({.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
  }
  if (op.size == 0) return One({.move = Move::kFinish, .clause = ClauseOf(op.kind)});
  if (sets_attributes && rules.planted.Is(Bug::kNoAttributesAreRefused) &&
      rules.supported_attributes == 0) {
    return One({.move = Move::kFail, .error = Errno(EINVAL), .clause = "ATTR-04"});
  }
  if (!sets_attributes) return One({.move = Move::kInvalidate, .clause = ClauseOf(op.kind)});
  const Invalidation range = InvalidationOf(op);
  if (state.rare->HasAttributes(range.first, range.last, op.value)) {
    if (rules.planted.Is(Bug::kRepeatedAttributesAreRefused)) {
      return One({.move = Move::kFail, .error = Errno(EEXIST), .clause = "ATTR-06"});
    }
    const bool unmaps = rules.planted.Is(Bug::kRepeatedAttributesUnmap);
    return One({.move = unmaps ? Move::kInvalidate : Move::kFinish, .clause = "ATTR-06"});
  }
  const bool covered = std::any_of(state.slots.begin(), state.slots.end(), [&](const Slot& slot) {
    return slot.gfn <= range.first && range.last < slot.gfn + slot.pages;
  });
  if (rules.planted.Is(Bug::kAttributesNeedSlot) && !covered) {
    return One({.move = Move::kFail, .error = Errno(ENOENT), .clause = "ATTR-07"});
  }
  if (rules.planted.Is(Bug::kConversionFailsWhereMapped) && !state.entries.empty()) {
    return One({.move = Move::kFail, .error = Errno(EAGAIN), .clause = "ATTR-13"});
  }
  Choices choices = One({.move = Move::kInvalidate, .clause = "ATTR-10"});
  // The memory that the attributes need is reserved before anything changes.
  if (op.may_fault && (op.value != 0 || rules.clearing_needs_memory)) {
    choices.push_back({.move = Move::kFail, .error = Errno(ENOMEM), .clause = "ATTR-08"});
  }
  return choices;
}

// A planted bug: what is mapped stays reachable.
void LeaveBehind(State& state) {
  for (const Entry& entry : state.entries) {
    const Slot* slot = state.FindSlot(entry.space, entry.gfn);
    if (slot == nullptr || state.FindInvalidation(*slot, entry.gfn) == nullptr) continue;
    const uint64_t host = (slot->host + entry.gfn - slot->gfn) * kPageBytes;
    for (const Word& word : state.words) {
      if (word.gmem != -1 || word.address - host >= kPageBytes) continue;
      state.rare.Write().left_behind.push_back(
          {entry.gfn * kPageBytes + word.address - host, word.value});
    }
  }
}

void DropEntries(const Rules& rules, State& state) {
  const Invalidation range = state.rare->invalidations.back();
  if (rules.planted.Is(Bug::kInvalidationLeavesEntries)) return LeaveBehind(state);
  const bool converts = range.of == Invalidation::Of::kGuestPages;
  if (converts && rules.planted.Is(Bug::kConversionKeepsMappings)) return;
  std::erase_if(state.entries, [&](const Entry& entry) {
    const Slot* slot = state.FindSlot(entry.space, entry.gfn);
    return slot != nullptr && state.FindInvalidation(*slot, entry.gfn) != nullptr;
  });
  // What becomes shared loses its private mapping. What becomes private has none yet.
  const bool is_taken = range.of == Invalidation::Of::kGuestPages && range.attributes == 0;
  if (is_taken && !rules.planted.Is(Bug::kPrivatePagesOutliveConversion)) {
    DropSecureEntries(rules, state, range.first, range.last);
  }
}

void DropWords(State& state, int32_t gmem, uint64_t address, uint64_t size) {
  for (Word& word : state.words) {
    if (word.gmem == gmem && word.address - address < size) word.value = 0;
  }
}

void Punch(const Rules& rules, State& state, const Operation& op) {
  GuestMemfd& file = state.files[static_cast<std::size_t>(op.gmem)];
  const Invalidation range = InvalidationOf(op);
  ReleasePages(rules, state, op.gmem, range.first, range.last);
  for (uint64_t page = range.first; page <= range.last && page < 64; ++page) {
    if (!rules.planted.Is(Bug::kPoisonOutlivesPunch)) file.poisoned &= ~(uint64_t{1} << page);
  }
  if (!rules.planted.Is(Bug::kPunchedPageStays)) DropWords(state, op.gmem, op.address, op.size);
}

void Convert(const Rules& rules, State& state, const Operation& op) {
  const Invalidation range = InvalidationOf(op);
  state.rare.Write().SetAttributes(range.first, range.last, op.value);
  if (rules.planted.Is(Bug::kConversionFreesPrivatePages)) {
    for (std::size_t i = 0; i < state.files.size(); ++i) {
      ReleasePages(rules, state, static_cast<int32_t>(i), 0, ~uint64_t{0});
    }
  }
  if (rules.planted.Is(Bug::kConversionDropsContents)) {
    for (const Slot& slot : state.slots) {
      DropWords(state, -1, slot.host * kPageBytes, slot.pages * kPageBytes);
      if (slot.gmem >= 0) DropWords(state, slot.gmem, 0, slot.pages * kPageBytes);
    }
  }
}

void FinishInvalidation(const Rules& rules, State& state, const Operation& op) {
  Rare& rare = state.rare.Write();
  const auto mine =
      std::find(rare.invalidations.begin(), rare.invalidations.end(), InvalidationOf(op));
  if (mine != rare.invalidations.end()) rare.invalidations.erase(mine);
  ++rare.invalidated;
  switch (op.kind) {
    case Kind::kSetAttributes:
      Convert(rules, state, op);
      state.slots_lock = false;
      return;
    case Kind::kPunchGuestMemfd:
      return Punch(rules, state, op);
    case Kind::kConvertGuestMemfd:
      return ConvertInPlace(rules, state, op);
    default:
      if (!rules.planted.Is(Bug::kDroppedPageStays)) DropWords(state, -1, op.address, op.size);
      return;
  }
}

}  // namespace

Choices InvalidationChoices(const Rules& rules, const State& state, const Pending& call) {
  if (call.phase == Phase::kCalled) {
    return call.op.kind == Kind::kConvertGuestMemfd ? ConvertInPlaceChoices(rules, state, call.op)
                                                    : BeginChoices(rules, state, call.op);
  }
  return One({.move = Move::kReplace, .clause = ClauseOf(call.op.kind)});
}

void TakeInvalidation(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  switch (choice.move) {
    case Move::kInvalidate:
      if (call.op.kind == Kind::kSetAttributes) state.slots_lock = true;
      state.rare.Write().invalidations.push_back(InvalidationOf(call.op));
      DropEntries(rules, state);
      call.phase = Phase::kInvalidated;
      return;
    case Move::kReplace:
      FinishInvalidation(rules, state, call.op);
      return End(call, Errno());
    default:
      if (call.op.kind == Kind::kConvertGuestMemfd) FailInPlace(rules, state, call, choice.error);
      if (choice.error == Errno(ENOMEM) && rules.planted.Is(Bug::kAttributesAreHalfApplied)) {
        const uint64_t first = PageOf(call.op.address);
        state.rare.Write().SetAttributes(first, first, call.op.value);
      }
      return End(call, choice.error);
  }
}

}  // namespace kct::model
