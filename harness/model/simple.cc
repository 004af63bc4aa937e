// SPDX-License-Identifier: GPL-2.0-only
// KVM_RUN as a whole, and the calls that are one atomic step.
#include <algorithm>
#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/checks.h"
#include "harness/model/families.h"

namespace kct::model {
namespace {

Choice Finish(ClauseId clause) {
  return {.move = Move::kFinish, .error = Errno(), .clause = clause};
}

Choices RunChoices(const Rules& rules, const State& state, const Pending& call) {
  if (call.phase == Phase::kCalled) {
    if ((state.busy_vcpus & BitOf(call.op.vcpu)) != 0) return {};
    if (const Check* check = FirstRefusal(rules, state, call.op)) {
      return One({.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
    }
    return One({.move = Move::kEnter, .error = Errno(), .clause = "MEMSLOT-27"});
  }
  Choices choices = One(Finish("MEMSLOT-27"));
  if (call.op.may_be_interrupted) {
    choices.push_back({.move = Move::kFail, .error = Errno(EINTR), .clause = "MEMSLOT-27"});
  }
  if (call.op.may_fault) {
    choices.push_back({.move = Move::kFail, .error = Errno(EFAULT), .clause = "MEMSLOT-26"});
  }
  return choices;
}

void ReadDirtyLog(const Rules& rules, State& state, Pending& call) {
  Slot* slot = state.FindSlotById(call.op.slot);
  const uint64_t mask = slot->pages >= 64 ? ~uint64_t{0} : (uint64_t{1} << slot->pages) - 1;
  // `found`: what was seen. A page that may be in the log is in it if it was seen there.
  call.outcome.value = ((slot->dirty | (slot->maybe_dirty & call.found)) & mask);
  if (rules.planted.Is(Bug::kDirtyLogIsFull)) call.outcome.value = mask;
  if (rules.planted.Is(Bug::kDirtyLogStaysWhenRead)) return;
  slot->dirty = 0;
  slot->maybe_dirty = 0;
}

Choices OneStepChoices(const Rules& rules, const State& state, const Pending& call) {
  if (call.op.kind == Kind::kGetDirtyLog && state.slots_lock) return {};
  if (const Check* check = FirstRefusal(rules, state, call.op)) {
    return One({.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
  }
  switch (call.op.kind) {
    case Kind::kGetDirtyLog:
      if ((call.op.slot & 0xffff) >= rules.slot_ids) {
        return One({.move = Move::kFail, .error = Errno(EINVAL), .clause = "DIRTY-04"});
      }
      if (const Slot* slot = state.FindSlotById(call.op.slot);
          slot == nullptr || (slot->flags & KVM_MEM_LOG_DIRTY_PAGES) == 0) {
        const int error = rules.planted.Is(Bug::kNoDirtyLogIsInvalid) ? EINVAL : ENOENT;
        return One({.move = Move::kFail, .error = Errno(error), .clause = "DIRTY-04"});
      }
      return One(Finish("DIRTY-01"));
    case Kind::kDisableQuirks:
      return One(Finish("MEMSLOT-33"));
    case Kind::kDropRoots:
      return One(Finish("PREFAULT-41"));
    default:
      return One(Finish("MEMSLOT-26"));
  }
}

void TakeOneStep(const Rules& rules, State& state, Pending& call) {
  const Operation& op = call.op;
  switch (op.kind) {
    case Kind::kGetDirtyLog:
      return ReadDirtyLog(rules, state, call);
    case Kind::kDisableQuirks:
      if ((op.flags & KVM_X86_QUIRK_SLOT_ZAP_ALL) != 0 && !rules.planted.Is(Bug::kQuirkStaysOn)) {
        state.zap_all_quirk = false;
      }
      return;
    case Kind::kDropRoots:
      state.entries.clear();
      state.stale_roots = 0xff;
      state.roots_were_dropped = true;
      return;
    case Kind::kSetMode:
      state.smm_vcpus = static_cast<uint8_t>(op.flags == 1 ? state.smm_vcpus | BitOf(op.vcpu)
                                                           : state.smm_vcpus & ~BitOf(op.vcpu));
      return;
    default:
      return;
  }
}

}  // namespace

Choices SimpleChoices(const Rules& rules, const State& state, const Pending& call) {
  if (call.op.kind == Kind::kRun) return RunChoices(rules, state, call);
  return OneStepChoices(rules, state, call);
}

void TakeSimple(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  const uint8_t vcpu = BitOf(call.op.vcpu);
  if (choice.move == Move::kEnter) {
    state.busy_vcpus = static_cast<uint8_t>(state.busy_vcpus | vcpu);
    state.running_vcpus = static_cast<uint8_t>(state.running_vcpus | vcpu);
    call.phase = Phase::kInGuest;
    return;
  }
  if (call.op.kind == Kind::kRun && call.phase == Phase::kInGuest) {
    state.busy_vcpus = static_cast<uint8_t>(state.busy_vcpus & ~vcpu);
    state.running_vcpus = static_cast<uint8_t>(state.running_vcpus & ~vcpu);
  } else if (choice.move == Move::kFinish) {
    TakeOneStep(rules, state, call);
  }
  End(call, choice.error);
}

}  // namespace kct::model
