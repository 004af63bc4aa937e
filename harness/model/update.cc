// SPDX-License-Identifier: GPL-2.0-only
// KVM_SET_USER_MEMORY_REGION, step by step as virt/kvm/kvm_main.c:kvm_set_memslot does it.
#include <algorithm>
#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/base/check.h"
#include "harness/model/checks.h"
#include "harness/model/families.h"

namespace kct::model {
namespace {

// Shadow paging keeps tables for each page of a slot; KVM may have no memory for so many.
constexpr uint64_t kPagesThatMayNotFit = uint64_t{1} << 24;

bool Moves(const Slot& slot, const Operation& op) {
  return op.size != 0 && slot.gfn != PageOf(op.address);
}

bool EndsBeyondAddresses(const Rules& rules, const Operation& op) {
  return op.size != 0 && PageOf(op.address) + PageOf(op.size) > rules.first_gfn_beyond;
}

Choice Fail(int error, ClauseId clause) {
  return {.move = Move::kFail, .error = Errno(error), .clause = clause};
}

bool SharesMemory(const State& state, const Operation& op) {
  return std::any_of(state.slots.begin(), state.slots.end(), [&](const Slot& slot) {
    return slot.host < PageOf(op.host) + PageOf(op.size) &&
           PageOf(op.host) < slot.host + slot.pages;
  });
}

// What a planted bug makes of a creation; nothing: no such bug.
Choices MistakenCreation(const Rules& rules, const State& state, const Operation& op) {
  const Planted& planted = rules.planted;
  if (planted.Is(Bug::kCreationIsIgnored)) {
    return One({.move = Move::kFinish, .clause = "MEMSLOT-01"});
  }
  if (planted.Is(Bug::kCreationRefusesDirtyLogging) && (op.flags & KVM_MEM_LOG_DIRTY_PAGES) != 0) {
    return One(Fail(EINVAL, "MEMSLOT-20"));
  }
  if (planted.Is(Bug::kCreationRefusesGuestMemfd) && (op.flags & KVM_MEM_GUEST_MEMFD) != 0) {
    return One(Fail(EINVAL, "MEMSLOT-20"));
  }
  if (planted.Is(Bug::kCreationRefusesSharedMemory) && SharesMemory(state, op)) {
    return One(Fail(EEXIST, "MEMSLOT-09"));
  }
  return {};
}

Choices CreationChoices(const Rules& rules, const State& state, const Operation& op) {
  Choices mistaken = MistakenCreation(rules, state, op);
  if (!mistaken.empty()) return mistaken;
  Choices choices = One({.move = Move::kInstall, .clause = "MEMSLOT-01"});
  if (!rules.two_dimensional_paging && PageOf(op.size) > kPagesThatMayNotFit) {
    choices.push_back(Fail(ENOMEM, "MEMSLOT-24"));
  }
  return choices;
}

Choices ChangeChoices(const Rules& rules, const State& state, const Slot& slot,
                      const Operation& op) {
  if (op.size == 0) {
    if (rules.planted.Is(Bug::kSlotOfClosedFileStays) && slot.gmem_only &&
        state.files[static_cast<std::size_t>(slot.gmem)].closed) {
      return One(Fail(EFAULT, "GMEM-26"));
    }
    if (rules.planted.Is(Bug::kDeleteIsIgnored)) {
      return One({.move = Move::kFinish, .clause = "MEMSLOT-01"});
    }
    return One({.move = Move::kInvalidate, .clause = "MEMSLOT-01"});
  }
  if (Moves(slot, op)) {
    if (rules.planted.Is(Bug::kMoveLeavesTheOldPlace)) {
      return One({.move = Move::kFinish, .clause = "MEMSLOT-01"});
    }
    const uint64_t by =
        std::max(slot.gfn, PageOf(op.address)) - std::min(slot.gfn, PageOf(op.address));
    if (rules.planted.Is(Bug::kMoveIsInItsOwnWay) && by < slot.pages) {
      return One(Fail(EEXIST, "MEMSLOT-08"));
    }
    return One({.move = Move::kInvalidate, .clause = "MEMSLOT-01"});
  }
  if (slot.flags != op.flags) {
    if (rules.planted.Is(Bug::kTogglingInvalidates)) {
      return One({.move = Move::kInvalidate, .clause = "MEMSLOT-31"});
    }
    return One({.move = Move::kReflag, .clause = "MEMSLOT-06"});
  }
  if (rules.planted.Is(Bug::kRepeatingIsRefused)) return One(Fail(EEXIST, "MEMSLOT-02"));
  return One({.move = Move::kFinish, .clause = "MEMSLOT-02"});
}

// Which entries go with a slot: its own, or all of the VM.
void DropEntries(const Rules& rules, State& state, const Slot& slot, bool moved) {
  const bool leaves = rules.planted.Is(moved ? Bug::kMoveLeavesEntries : Bug::kDeleteLeavesEntries);
  if (leaves) return;
  if (!rules.planted.Is(Bug::kPrivatePagesOutliveSlot)) {
    DropSecureEntries(rules, state, slot.gfn, slot.gfn + slot.pages - 1);
  }
  bool all = rules.vm_type == VmType::kDefault && state.zap_all_quirk;
  if (rules.planted.Is(Bug::kDeleteSparesOthersDespiteQuirk)) all = false;
  if (rules.planted.Is(Bug::kDeleteDropsOthersWithoutQuirk)) all = true;
  if (all) {
    if (!state.rare->shadowed.empty() && !rules.planted.Is(Bug::kShadowPagesOutliveTheSlots)) {
      state.rare.Write().shadowed.clear();
    }
    state.entries.clear();
    state.stale_roots = 0xff;
    state.roots_were_dropped = false;
    return;
  }
  std::erase_if(state.entries, [&](const Entry& entry) {
    return entry.space == slot.space() && slot.Covers(entry.gfn);
  });
}

// A file that can be mapped backs all of the guest's accesses to its slot.
bool TakesAllFromFile(const Rules& rules, const State& state, const Operation& op) {
  const auto number = static_cast<std::size_t>(op.gmem);
  const bool bound = (op.flags & KVM_MEM_GUEST_MEMFD) != 0 && op.gmem >= 0;
  if (!bound || number >= state.files.size()) return false;
  if (rules.planted.Is(Bug::kInertFileBacksSlot)) return true;
  return (state.files[number].flags & GUEST_MEMFD_FLAG_MMAP) != 0 &&
         !rules.planted.Is(Bug::kMappableFileIsInert);
}

Slot NewSlot(const Rules& rules, const State& state, const Operation& op) {
  return {.id = op.slot,
          .flags = static_cast<uint32_t>(op.flags),
          .gfn = PageOf(op.address),
          .pages = PageOf(op.size),
          .host = PageOf(op.host),
          .gmem_page = PageOf(op.gmem_offset),
          .gmem = (op.flags & KVM_MEM_GUEST_MEMFD) != 0 ? op.gmem : -1,
          .gmem_only = TakesAllFromFile(rules, state, op),
          .invalid = false,
          .moving = false,
          .dirty = 0,
          .maybe_dirty = 0};
}

void Mark(Slot& slot, const Operation& op) {
  slot.invalid = true;
  slot.moving = Moves(slot, op);
}

void Replace(const Rules& rules, State& state, const Operation& op) {
  Slot* slot = state.FindSlotById(op.slot);
  KCT_CHECK(slot != nullptr && slot->invalid);
  const bool moved = Moves(*slot, op);
  DropEntries(rules, state, *slot, moved);
  slot->invalid = false;
  if (op.size == 0) {
    if (rules.planted.Is(Bug::kAttributesGoWithSlot)) {
      state.rare.Write().SetAttributes(slot->gfn, slot->gfn + slot->pages - 1, 0);
    }
    if (rules.planted.Is(Bug::kContentsGoWithSlot)) {
      for (Word& word : state.words) {
        if (slot->gmem >= 0 && word.gmem == slot->gmem) word.value = 0;
      }
    }
    state.slots.erase(slot);
    return;
  }
  if (rules.planted.Is(Bug::kDirtyLogDoesNotMove)) slot->dirty = slot->maybe_dirty = 0;
  slot->gfn = PageOf(op.address);
  slot->flags = static_cast<uint32_t>(op.flags);
}

// Logging that begins anew begins with an empty log; every page has to be logged again.
void Reflag(const Rules& rules, State& state, const Operation& op) {
  if (rules.planted.Is(Bug::kTogglingIsIgnored)) return;
  Slot* slot = state.FindSlotById(op.slot);
  slot->flags = static_cast<uint32_t>(op.flags);
  if (!rules.planted.Is(Bug::kDirtyLogOutlivesItsFlag)) slot->dirty = slot->maybe_dirty = 0;
}

// A new layout does not come into force while user space's memory is being invalidated.
bool WaitsForInvalidation(const Rules& rules, const State& state) {
  if (state.rare.untouched() || rules.planted.Is(Bug::kUpdateDoesNotWaitForInvalidations)) {
    return false;
  }
  const auto& all = state.rare->invalidations;
  return std::any_of(all.begin(), all.end(), [](const Invalidation& one) {
    return one.of == Invalidation::Of::kHostPages;
  });
}

}  // namespace

Choices UpdateChoices(const Rules& rules, const State& state, const Pending& call) {
  const Operation& op = call.op;
  bool waits = state.old_readers > 0 && !rules.planted.Is(Bug::kUpdateDoesNotWaitForReaders);
  if (call.phase != Phase::kSwapped) waits = waits || WaitsForInvalidation(rules, state);
  switch (call.phase) {
    case Phase::kCalled: {
      if (state.slots_lock && !rules.planted.Is(Bug::kUpdateTakesNoLock)) return {};
      if (rules.planted.Is(Bug::kUpdateGivesUpUnderPrefaults) && state.new_readers > 0) {
        return One(Fail(EAGAIN, "PREFAULT-51"));
      }
      if (rules.planted.Is(Bug::kDeleteIsUnchecked) && op.size == 0 &&
          state.FindSlotById(op.slot) != nullptr) {
        return One({.move = Move::kInvalidate, .clause = "MEMSLOT-11"});
      }
      if (const Check* check = FirstRefusal(rules, state, op)) {
        return One(
            {.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
      }
      const Slot* slot = state.FindSlotById(op.slot);
      if (WaitsForInvalidation(rules, state)) return {};
      if (slot != nullptr && slot->invalid) return {};  // two updates at once: a planted bug
      if (op.size == 0 && slot == nullptr) {
        return One({.move = Move::kFinish, .clause = "MEMSLOT-10"});
      }
      return slot == nullptr ? CreationChoices(rules, state, op)
                             : ChangeChoices(rules, state, *slot, op);
    }
    case Phase::kInvalidated:
      if (waits) return {};
      if (rules.planted.Is(Bug::kUpdateWaitsForRunningVcpus) && state.running_vcpus != 0) return {};
      if (EndsBeyondAddresses(rules, op)) {
        return One({.move = Move::kRevert, .error = Errno(EINVAL), .clause = "MEMSLOT-15"});
      }
      return One({.move = Move::kReplace, .clause = "MEMSLOT-01"});
    case Phase::kSwapped:
      if (waits) return {};
      return One({.move = Move::kFinish, .clause = "MEMSLOT-01"});
    default:
      return {};
  }
}

void TakeUpdate(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  switch (choice.move) {
    case Move::kInvalidate:
      state.slots_lock = true;
      Mark(*state.FindSlotById(call.op.slot), call.op);
      CountSwap(state);
      call.phase = Phase::kInvalidated;
      return;
    case Move::kReplace:
      Replace(rules, state, call.op);
      CountSwap(state);
      call.phase = Phase::kSwapped;
      return;
    case Move::kInstall:
      state.slots_lock = true;
      state.slots.push_back(NewSlot(rules, state, call.op));
      CountSwap(state);
      call.phase = Phase::kSwapped;
      return;
    case Move::kReflag:
      state.slots_lock = true;
      Reflag(rules, state, call.op);
      CountSwap(state);
      call.phase = Phase::kSwapped;
      return;
    case Move::kRevert:
      if (!rules.planted.Is(Bug::kFailedMoveLosesTheSlot)) {
        state.FindSlotById(call.op.slot)->invalid = false;
      }
      CountSwap(state);
      state.slots_lock = false;
      return End(call, choice.error);
    default:
      if (choice.error == Errno(ENOMEM) &&
          rules.planted.Is(Bug::kCreationWithoutMemoryLeavesASlot)) {
        state.slots.push_back(NewSlot(rules, state, call.op));
      }
      if (call.phase != Phase::kCalled) state.slots_lock = false;
      return End(call, choice.error);
  }
}

}  // namespace kct::model
