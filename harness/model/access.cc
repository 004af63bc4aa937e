// SPDX-License-Identifier: GPL-2.0-only
// One access of the guest: a stage-2 entry that is there, a fault (arch/x86/kvm/mmu/mmu.c:
// kvm_mmu_faultin_pfn, RET_PF_RETRY while the slot is going), or an exit where no slot is.
#include <algorithm>
#include <cerrno>

#include "harness/abi/proposed.h"
#include "harness/abi/uapi.h"
#include "harness/model/families.h"
#include "harness/model/words.h"

namespace kct::model {
namespace {

// What the guest's accesses reach, and KVM's own, which know the host's memory only.
Place PlaceOf(const Rules& rules, const Slot& slot, const Operation& op, bool is_private) {
  const uint64_t offset = op.address - slot.gfn * kPageBytes;
  const bool from_file = (is_private && slot.gmem >= 0) || slot.gmem_only;
  if (from_file && (!op.emulated || rules.planted.Is(Bug::kEmulatorReachesFile))) {
    return {slot.gmem, slot.gmem_page * kPageBytes + offset};
  }
  return {-1, slot.host * kPageBytes + offset};
}

bool IsWrite(const Operation& op) { return op.access == Access::kWrite; }

// A read may be logged as well: its fault maps the page writable if the host has it so, and that
// is when KVM logs it (arch/x86/kvm/mmu/spte.c:make_spte).
void MarkDirty(const Rules& rules, Slot& slot, const Operation& op) {
  if ((slot.flags & KVM_MEM_LOG_DIRTY_PAGES) == 0) return;
  if (rules.planted.Is(Bug::kDirtyLogLosesWrites)) return;
  const uint64_t index = PageOf(op.address) - slot.gfn;
  if (index >= 64) return;
  uint64_t& pages = IsWrite(op) ? slot.dirty : slot.maybe_dirty;
  pages |= uint64_t{1} << index;
}

bool IsWrittenReadonly(const Rules& rules, const Slot& slot, const Operation& op) {
  return IsWrite(op) && (slot.flags & KVM_MEM_READONLY) != 0 &&
         !rules.planted.Is(Bug::kReadonlySlotIsWritten);
}

constexpr Choice kToMemory{.move = Move::kMemory, .error = Errno(), .clause = "MEMSLOT-01"};
constexpr Choice kToMmio{.move = Move::kMmio, .error = Errno(), .clause = "MEMSLOT-28"};

// The slot is marked. An entry may still be there; a fault waits for the end of the update; KVM's
// own accesses don't see the slot any more.
Choices GoingChoices(const Rules& rules, const State& state, const Operation& op, uint32_t space) {
  if (rules.planted.Is(Bug::kRunSaysAgainWhileSlotGoes)) {
    return One({.move = Move::kFail, .error = Errno(EAGAIN), .clause = "MEMSLOT-27"});
  }
  if (rules.planted.Is(Bug::kAccessIsMmioWhileSlotGoes) ||
      rules.planted.Is(Bug::kTogglingInvalidates)) {
    return One(kToMmio);
  }
  if (rules.planted.Is(Bug::kEmulatedAccessFailsWhileSlotGoes) && op.emulated) {
    return One({.move = Move::kFail, .error = Errno(EFAULT), .clause = "MEMSLOT-30"});
  }
  Choices choices;
  const bool entry_may_be_there =
      !rules.track_entries || FindEntry(state, space, PageOf(op.address)) != nullptr;
  if (entry_may_be_there && !op.emulated) choices.push_back(kToMemory);
  if (op.emulated) {
    choices.push_back({.move = Move::kMmio, .error = Errno(), .clause = "MEMSLOT-30"});
  }
  return choices;
}

Choices SlotChoices(const Rules& rules, const State& state, const Pending& call, const Slot& slot) {
  const Operation& op = call.op;
  const uint32_t space = state.SpaceOf(op.vcpu);
  if (slot.invalid) {
    if (call.phase == Phase::kReading) {
      if (rules.planted.Is(Bug::kRunSaysAgainWhileSlotGoes)) {
        return One({.move = Move::kFail, .error = Errno(EAGAIN), .clause = "MEMSLOT-27"});
      }
      return One({.move = Move::kRetry, .clause = "MEMSLOT-27"});
    }
    return GoingChoices(rules, state, op, space);
  }
  if (IsWrittenReadonly(rules, slot, op)) return One(kToMmio);
  if (slot.gmem_only && !op.emulated) {
    if (const auto why = WhyFileFails(rules, state, slot, PageOf(op.address))) {
      return One({.move = Move::kFail,
                  .error = Errno(why->error),
                  .memory_fault = true,
                  .clause = why->clause});
    }
  }
  const Entry* entry = FindEntry(state, space, PageOf(op.address));
  const bool faults =
      rules.track_entries && (entry == nullptr || (IsWrite(op) && !entry->writable));
  if (faults && call.phase == Phase::kCalled) {
    return One({.move = Move::kEnter, .clause = "MEMSLOT-01"});
  }
  if (!state.rare.untouched()) {
    if (state.FindInvalidation(slot, PageOf(op.address)) != nullptr) {
      if (!rules.planted.Is(Bug::kFaultFailsDuringInvalidation)) return {};
      return One({.move = Move::kFail, .error = Errno(EAGAIN), .clause = "MN-05"});
    }
    const bool looked_up_before =
        call.phase == Phase::kReading && call.invalidated != state.rare->invalidated;
    if (looked_up_before && !rules.planted.Is(Bug::kFaultMapsStalePage)) {
      return One({.move = Move::kRetry, .clause = "MN-05"});
    }
  }
  Choices choices = One(kToMemory);
  if (op.may_fault && (slot.flags & kMemUserfault) != 0) {
    choices.push_back({.move = Move::kFail,
                       .error = Errno(EFAULT),
                       .memory_fault = true,
                       .clause = op.emulated ? ClauseId("RUN-40") : ClauseId("RUN-39")});
  } else if (op.may_fault && slot.gmem_only && !op.emulated) {
    choices.push_back(OutOfMemory(rules));
  } else if (op.may_fault && op.emulated && !rules.planted.Is(Bug::kEmulatorFailsOnBadMemory)) {
    choices.push_back({.move = Move::kMmio, .error = Errno(), .clause = "RUN-10"});
  } else if (op.may_fault) {
    choices.push_back({.move = Move::kFail,
                       .error = Errno(EFAULT),
                       .memory_fault = rules.planted.Is(Bug::kBadMemoryIsDescribed),
                       .clause = "RUN-04"});
  }
  if (op.may_be_interrupted) {
    choices.push_back({.move = Move::kFail, .error = Errno(EINTR), .clause = "MEMSLOT-27"});
  }
  return choices;
}

// Whether the access takes the page as private; always false where there is no private memory.
bool TakesAsPrivate(const Rules& rules, const Pending& call) {
  return rules.has_private_memory() && call.was_private;
}

// Begins a fault: which slots it sees, and what the page is.
void BeginFault(const Rules& rules, State& state, Pending& call) {
  const Operation& op = call.op;
  if (!rules.planted.Is(Bug::kUserfaultHoldsUpNoUpdate)) EnterReaders(state, call);
  call.phase = Phase::kReading;
  call.was_private = IsTakenAsPrivate(rules, state, op);
  call.invalidated = state.rare->invalidated;
  if (!rules.planted.Is(Bug::kFaultMapsStalePage)) return;
  const Slot* slot = state.FindSlot(state.SpaceOf(op.vcpu), PageOf(op.address));
  if (slot == nullptr || op.size == 0) return;
  call.found =
      ReadWord(rules, state, PlaceOf(rules, *slot, op, TakesAsPrivate(rules, call)), call.found);
}

void LeaveFault(const Rules& rules, State& state, const Pending& call) {
  if (!rules.planted.Is(Bug::kUserfaultHoldsUpNoUpdate)) LeaveReaders(state, call);
}

const LeftBehind* FindLeftBehind(const State& state, uint64_t gpa) {
  if (state.rare.untouched()) return nullptr;
  for (const LeftBehind& left : state.rare->left_behind) {
    if (left.gpa == gpa) return &left;
  }
  return nullptr;
}

void ReachMemory(const Rules& rules, State& state, Pending& call) {
  const Operation& op = call.op;
  const uint32_t space = state.SpaceOf(op.vcpu);
  Slot* slot = const_cast<Slot*>(state.FindSlot(space, PageOf(op.address)));
  if (slot == nullptr) {  // through an entry that a planted bug has left behind
    call.outcome.value = call.found;
    return;
  }
  AddEntry(rules, state, space, PageOf(op.address), op.access);
  MarkDirty(rules, *slot, op);
  const Place place = PlaceOf(rules, *slot, op, TakesAsPrivate(rules, call));
  if (op.size == 0) {
    if (IsWrite(op)) ForgetWord(state, place);
    return;
  }
  if (IsWrite(op)) return WriteWord(state, place, op.value);
  if (call.phase == Phase::kReading && call.invalidated != state.rare->invalidated) {
    // Only a planted bug comes here: the page that was looked up is mapped although it is gone.
    state.rare.Write().left_behind.push_back({op.address, call.found});
  }
  if (const LeftBehind* left = FindLeftBehind(state, op.address)) {
    call.outcome.value = left->value;
    return;
  }
  call.outcome.value = ReadWord(rules, state, place, call.found);
}

// --- planted bugs: what was MMIO once -------------------------------------------------------

bool RemembersMmio(const Rules& rules, const State& state, uint64_t page) {
  return std::any_of(
      state.remembered_mmio.begin(), state.remembered_mmio.end(), [&](const MmioPage& remembered) {
        return remembered.page == page &&
               (rules.planted.Is(Bug::kMmioOutlivesCreation) || remembered.swaps == state.swaps);
      });
}

void RememberMmio(const Rules& rules, State& state, uint64_t page) {
  if (!rules.planted.Is(Bug::kMmioOutlivesCreation) && !rules.planted.Is(Bug::kMmioOutlivesATurn) &&
      !rules.planted.Is(Bug::kMmioOutlivesConversion)) {
    return;
  }
  for (MmioPage& remembered : state.remembered_mmio) {
    if (remembered.page == page) {
      remembered.swaps = state.swaps;
      return;
    }
  }
  if (!state.remembered_mmio.full()) state.remembered_mmio.push_back({page, state.swaps});
}

}  // namespace

Choices AccessChoices(const Rules& rules, const State& state, const Pending& call) {
  const Operation& op = call.op;
  if (RemembersMmio(rules, state, PageOf(op.address))) return One(kToMmio);
  if ((state.running_vcpus & BitOf(op.vcpu)) == 0) return {};
  if (rules.has_private_memory()) return PrivateVmChoices(rules, state, call);
  const uint32_t space = state.SpaceOf(op.vcpu);
  const Slot* slot = state.FindSlot(space, PageOf(op.address));
  if (slot != nullptr) return SlotChoices(rules, state, call, *slot);
  if (call.phase == Phase::kReading) return One({.move = Move::kRetry, .clause = "MEMSLOT-28"});
  if (op.emulated) {
    return One(rules.planted.Is(Bug::kEmulationUsesOldSlots) ? kToMemory : kToMmio);
  }
  if (FindEntry(state, space, PageOf(op.address)) != nullptr) return One(kToMemory);
  return One(kToMmio);
}

void TakeAccess(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  const bool reading = call.phase == Phase::kReading;
  switch (choice.move) {
    case Move::kEnter:
      return BeginFault(rules, state, call);
    case Move::kFault:
      LeaveFault(rules, state, call);
      call.phase = Phase::kFaulted;
      return;
    case Move::kSplit:
      SplitEntry(rules, state, PageOf(call.op.address));
      call.phase = Phase::kCalled;
      return;
    case Move::kResume:
      call.phase = Phase::kCalled;
      return;
    case Move::kRetry:
      LeaveFault(rules, state, call);
      call.phase = Phase::kCalled;
      return;
    case Move::kMemory:
      if (TakesAsPrivate(rules, call) &&
          LandOnPrivatePage(rules, state, call) == Landing::kElsewhere) {
        break;
      }
      ReachMemory(rules, state, call);
      break;
    case Move::kKill:
      state.rare.Write().dead = true;
      break;
    case Move::kMmio:
      call.outcome.mmio = true;
      RememberMmio(rules, state, PageOf(call.op.address));
      break;
    default:
      call.outcome.memory_fault = choice.memory_fault;
      call.outcome.fault_is_private = choice.fault_is_private;
      break;
  }
  if (reading) LeaveFault(rules, state, call);
  End(call, choice.error);
}

}  // namespace kct::model
