// SPDX-License-Identifier: GPL-2.0-only
// KVM_PRE_FAULT_MEMORY: virt/kvm/kvm_main.c:kvm_vcpu_pre_fault_memory and
// arch/x86/kvm/mmu/mmu.c:kvm_tdp_page_prefault, page by page.
#include <algorithm>
#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/checks.h"
#include "harness/model/families.h"

namespace kct::model {
namespace {

Choice Stop(int error, ClauseId clause) {
  return {.move = Move::kStop, .error = Errno(error), .clause = clause};
}

void OfferSignal(const Rules& rules, const Pending& call, Choices& choices) {
  if (call.op.may_be_interrupted && !rules.planted.Is(Bug::kPrefaultIgnoresSignals)) {
    choices.push_back(Stop(EINTR, "PREFAULT-30"));
  }
}

// Which promise it is that the vCPU gets on: `usual`, unless the root it has is obsolete.
ClauseId ClauseOfRoot(const State& state, uint8_t vcpu_bit, ClauseId usual, ClauseId obsolete) {
  if ((state.stale_roots & vcpu_bit) == 0) return usual;
  return state.roots_were_dropped ? ClauseId("PREFAULT-41") : obsolete;
}

Choices BeginChoices(const Rules& rules, const State& state, const Pending& call) {
  const uint8_t vcpu = BitOf(call.op.vcpu);
  if (rules.planted.Is(Bug::kPrefaultsExcludeEachOther) && state.busy_vcpus != 0) return {};
  if ((state.busy_vcpus & vcpu) != 0 && !rules.planted.Is(Bug::kPrefaultTakesNoMutex)) return {};
  if (rules.planted.Is(Bug::kPrefaultLooksAtPagingFirst) && !rules.two_dimensional_paging) {
    return One({.move = Move::kFail, .error = Errno(EOPNOTSUPP), .clause = "PREFAULT-10"});
  }
  if (const Check* check = FirstRefusal(rules, state, call.op)) {
    return One({.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
  }
  Choices choices = One(
      {.move = Move::kEnter, .clause = ClauseOfRoot(state, vcpu, "PREFAULT-12", "PREFAULT-50")});
  if (call.op.may_be_interrupted) {
    choices.push_back({.move = Move::kFail, .error = Errno(EINTR), .clause = "PREFAULT-30"});
  }
  return choices;
}

uint32_t SpaceOf(const Rules& rules, const State& state, const Operation& op) {
  return rules.planted.Is(Bug::kPrefaultIgnoresSmm) ? 0 : state.SpaceOf(op.vcpu);
}

// How many pages from `page` on are covered by slots that stand.
uint64_t PagesInARow(const State& state, uint32_t space, uint64_t page, uint64_t most) {
  uint64_t count = 0;
  while (count < most) {
    const Slot* slot = state.FindSlot(space, page + count);
    if (slot == nullptr || slot->invalid) break;
    if (slot->gmem >= 0 || !state.rare.untouched()) {  // pages of one slot may differ
      return count + 1;
    }
    count = std::min(most, slot->gfn + slot->pages - page);
  }
  return count;
}

Choice AnswerForNoSlot(const Rules& rules) {
  if (rules.planted.Is(Bug::kPrefaultSaysAgainForNoSlot)) return Stop(EAGAIN, "PREFAULT-15");
  return Stop(ENOENT, "PREFAULT-15");
}

Choices AnswerForGoingSlot(const Rules& rules, const Slot& slot) {
  const Bug no_slot =
      slot.moving ? Bug::kPrefaultSaysNoSlotWhileMoved : Bug::kPrefaultSaysNoSlotWhileDeleted;
  const ClauseId clause = slot.moving ? ClauseId("PREFAULT-38") : ClauseId("PREFAULT-36");
  if (rules.planted.Is(no_slot)) return One(Stop(ENOENT, clause));
  if (rules.planted.Is(Bug::kPrefaultWaitsForGoingSlot)) return {};
  return One(Stop(EAGAIN, clause));
}

// Whether a bug keeps the call from ever getting on with the root that the vCPU has.
bool IsStuckOnRoot(const Rules& rules, const State& state, const Pending& call) {
  const bool stale = (state.stale_roots & BitOf(call.op.vcpu)) != 0;
  return stale && (rules.planted.Is(Bug::kPrefaultSpinsOnStaleRoot) ||
                   (rules.planted.Is(Bug::kPrefaultSpinsOnRootLostMeanwhile)));
}

// Puts in why the prefault stops or waits at a page whose slot stands. False: it goes on.
bool StopForPage(const Rules& rules, const State& state, const Slot& slot, uint64_t page,
                 Choices& choices) {
  const bool is_private = IsTakenAsPrivate(
      rules, state, Operation{.kind = Kind::kPreFault, .address = page * kPageBytes});
  const auto stop = [&](int error, ClauseId clause) {
    Choice choice = Stop(error, clause);
    choice.memory_fault = !rules.planted.Is(Bug::kPrefaultHidesMemoryFault);
    choice.fault_is_private = choice.memory_fault && is_private;
    choices.push_back(choice);
    return true;
  };
  const Invalidation* change = state.FindInvalidation(slot, page);
  if (change != nullptr && change->of == Invalidation::Of::kGuestPages) {
    return stop(rules.planted.Is(Bug::kPrefaultSaysAgainOnFlip) ? EAGAIN : EFAULT, "PREFAULT-35");
  }
  if (change != nullptr) return true;
  if (rules.has_private_memory() && is_private && slot.gmem < 0) return stop(EFAULT, "PREFAULT-33");
  if (!is_private && !slot.gmem_only) return false;
  const auto why = WhyFileFails(rules, state, slot, page);
  if (!why) return false;
  if (rules.planted.Is(Bug::kPrefaultMapsPoison) && why->error == EHWPOISON) return false;
  return stop(why->error,
              why->error == EHWPOISON ? ClauseId("PREFAULT-34") : ClauseId("PREFAULT-33"));
}

// A poisoned page of a file is an errno of its own; one of the host's memory is announced by a
// signal, which ends the call unless the caller blocks it.
Choices AnswersForPoison(const Rules& rules, const Operation& op, const Slot& slot) {
  if (slot.gmem_only) {
    Choice stop = Stop(EHWPOISON, "PREFAULT-34");
    stop.memory_fault = true;
    return One(stop);
  }
  if (op.may_be_interrupted) return One(Stop(EINTR, "PREFAULT-31"));
  if (rules.planted.Is(Bug::kPoisonHoldsTheCaller)) return {};
  return One(Stop(EFAULT, "PREFAULT-54"));
}

Choices PageChoices(const Rules& rules, const State& state, const Pending& call) {
  const Operation& op = call.op;
  Choices choices;
  OfferSignal(rules, call, choices);
  if (IsStuckOnRoot(rules, state, call)) return choices;
  const uint32_t space = SpaceOf(rules, state, op);
  const uint64_t page = PageOf(op.address) + call.done;
  const uint64_t left = PageOf(op.size) - call.done;
  const Slot* slot = state.FindSlot(space, page);
  if (slot == nullptr) {
    if (rules.planted.Is(Bug::kPrefaultSkipsHoles)) {
      return One({.move = Move::kMapPages, .count = 1, .clause = "PREFAULT-17"});
    }
    if (rules.planted.Is(Bug::kPrefaultSpinsOnceSlotAndRootAreGone) &&
        (state.stale_roots & BitOf(op.vcpu)) != 0) {
      return choices;
    }
    choices.push_back(AnswerForNoSlot(rules));
    return choices;
  }
  if (slot->invalid) {
    for (const Choice& choice : AnswerForGoingSlot(rules, *slot)) choices.push_back(choice);
    return choices;
  }
  if (slot->gmem >= 0 || !state.rare.untouched()) {
    if (StopForPage(rules, state, *slot, page, choices)) return choices;
  }
  if (rules.planted.Is(Bug::kPrefaultRefusesReadonly) && (slot->flags & KVM_MEM_READONLY) != 0) {
    return One(Stop(EFAULT, "PREFAULT-25"));
  }
  if (rules.planted.Is(Bug::kPrefaultFailsWhereMapped) &&
      FindEntry(state, space, page) != nullptr) {
    return One(Stop(EEXIST, "PREFAULT-20"));
  }
  if (op.may_be_poisoned && !rules.planted.Is(Bug::kPrefaultMapsPoison)) {
    return AnswersForPoison(rules, op, *slot);
  }
  choices.push_back({.move = Move::kMapPages,
                     .count = PagesInARow(state, space, page, left),
                     .clause = ClauseOfRoot(state, BitOf(op.vcpu), "PREFAULT-18", "PREFAULT-39")});
  if (op.may_fault) {
    Choice stop = Stop(EFAULT, "PREFAULT-27");
    stop.memory_fault = rules.planted.Is(Bug::kPrefaultDescribesEfault);
    choices.push_back(stop);
  }
  return choices;
}

void Leave(const Rules& rules, State& state, const Pending& call) {
  state.busy_vcpus = static_cast<uint8_t>(state.busy_vcpus & ~BitOf(call.op.vcpu));
  const bool missed =
      rules.planted.Is(Bug::kUpdateMissesTheLastReader) && call.since != state.swaps;
  if (!rules.planted.Is(Bug::kPrefaultIsNoReader) && !missed) LeaveReaders(state, call);
}

// What the structure says afterwards.
void WriteBack(const Rules& rules, Pending& call) {
  Outcome& outcome = call.outcome;
  outcome.address = call.op.address + call.done * kPageBytes;
  outcome.left = call.op.size - call.done * kPageBytes;
  if (outcome.error == Errno()) {
    if (rules.planted.Is(Bug::kPrefaultOvershoots)) outcome.address += kPageBytes;
    if (rules.planted.Is(Bug::kPrefaultClaimsAll) && outcome.left != 0) {
      outcome.address += outcome.left;
      outcome.left = 0;
    }
    if (rules.planted.Is(Bug::kPrefaultKeepsSize)) {
      outcome.address = call.op.address;
      outcome.left = call.op.size;
    }
    return;
  }
  const bool shrinks = rules.planted.Is(Bug::kPrefaultShrinksSizeOnFailure);
  outcome.address = call.op.address + (shrinks ? kPageBytes : 0);
  outcome.left = call.op.size - (shrinks ? kPageBytes : 0);
}

void MapPages(const Rules& rules, State& state, Pending& call, uint64_t count) {
  const uint32_t space = SpaceOf(rules, state, call.op);
  for (uint64_t i = 0; rules.track_entries && i < count; ++i) {
    AddEntry(rules, state, space, PageOf(call.op.address) + call.done + i, Access::kRead);
  }
  if (Slot* slot = const_cast<Slot*>(state.FindSlot(space, PageOf(call.op.address) + call.done))) {
    // A page that the host can write already may be mapped writable, and is logged then.
    slot->maybe_dirty = ~uint64_t{0};
    if (rules.planted.Is(Bug::kPrefaultDirties)) slot->dirty = ~uint64_t{0};
  }
  if (rules.has_private_memory()) {
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t page = PageOf(call.op.address) + call.done + i;
      const Operation at{.kind = Kind::kPreFault, .address = page * kPageBytes};
      if (IsTakenAsPrivate(rules, state, at)) TakePrivatePage(rules, state, page);
    }
  }
  call.done += count;
}

}  // namespace

Choices PreFaultChoices(const Rules& rules, const State& state, const Pending& call) {
  if (call.phase == Phase::kCalled) return BeginChoices(rules, state, call);
  if (call.done * kPageBytes >= call.op.size) {
    return One({.move = Move::kStop, .clause = "PREFAULT-18"});
  }
  return PageChoices(rules, state, call);
}

void TakePreFault(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  switch (choice.move) {
    case Move::kEnter:
      state.busy_vcpus = static_cast<uint8_t>(state.busy_vcpus | BitOf(call.op.vcpu));
      if (!rules.planted.Is(Bug::kPrefaultSpinsOnStaleRoot)) {
        state.stale_roots = static_cast<uint8_t>(state.stale_roots & ~BitOf(call.op.vcpu));
      }
      if (!rules.planted.Is(Bug::kPrefaultIsNoReader)) EnterReaders(state, call);
      call.phase = Phase::kReading;
      return;
    case Move::kMapPages:
      return MapPages(rules, state, call, choice.count);
    case Move::kStop: {
      Leave(rules, state, call);
      const bool forgets =
          rules.planted.Is(Bug::kPrefaultLosesProgress) ||
          (rules.planted.Is(Bug::kPrefaultForgetsProgressOnSignal) && choice.error == Errno(EINTR));
      End(call, call.done > 0 && !forgets ? Errno() : choice.error);
      call.outcome.memory_fault = choice.memory_fault;
      call.outcome.fault_is_private = choice.fault_is_private;
      return WriteBack(rules, call);
    }
    default:
      End(call, choice.error);
      return WriteBack(rules, call);
  }
}

}  // namespace kct::model
