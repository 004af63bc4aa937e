// SPDX-License-Identifier: GPL-2.0-only
// guest_memfd files (virt/kvm/guest_memfd.c), and what user space finds in its own memory and in
// files that it has mapped.
#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/checks.h"
#include "harness/model/families.h"
#include "harness/model/words.h"

namespace kct::model {
namespace {

// An invalidation of these pages is under way: some may be gone already.
bool MayBeGone(const State& state, const Operation& op) {
  if (state.rare.untouched()) return false;
  const auto of = op.gmem < 0 ? Invalidation::Of::kHostPages : Invalidation::Of::kFilePages;
  for (const Invalidation& one : state.rare->invalidations) {
    const uint64_t page = PageOf(op.address);
    if (one.of == of && one.gmem == op.gmem && page >= one.first && page <= one.last) return true;
  }
  return false;
}

void Close(const Rules& rules, State& state, int32_t gmem) {
  if (rules.planted.Is(Bug::kCloseIsIgnored)) return;
  state.files[static_cast<std::size_t>(gmem)].closed = true;
  std::erase_if(state.entries, [&](const Entry& entry) {
    const Slot* slot = state.FindSlot(entry.space, entry.gfn);
    return slot != nullptr && slot->gmem == gmem;
  });
  ReleasePages(rules, state, gmem, 0, ~uint64_t{0});
}

void Poison(const Rules& rules, State& state, const Operation& op) {
  if (rules.planted.Is(Bug::kPoisonIsNotNoticed)) return;
  const uint64_t page = PageOf(op.address);
  if (page < 64) state.files[static_cast<std::size_t>(op.gmem)].poisoned |= uint64_t{1} << page;
  std::erase_if(state.entries, [&](const Entry& entry) {
    const Slot* slot = state.FindSlot(entry.space, entry.gfn);
    return slot != nullptr && slot->gmem == op.gmem && FilePageOf(*slot, entry.gfn) == page;
  });
}

void Read(const Rules& rules, State& state, Pending& call) {
  const Place place{call.op.gmem, call.op.address};
  call.outcome.value = ReadWord(rules, state, place, call.found);
}

bool IsPossible(const State& state, const Operation& op) {
  const bool host_memory = op.kind == Kind::kReadHost || op.kind == Kind::kWriteHost;
  return (host_memory || op.gmem >= 0) && FileExists(state, op);
}

// A file gets the number that its creator gives it, or the next.
void Create(const Rules& rules, State& state, const Operation& op) {
  const bool is_private =
      rules.in_place_conversion && (op.flags & GUEST_MEMFD_FLAG_INIT_SHARED) == 0;
  const GuestMemfd file{.pages = PageOf(op.size),
                        .flags = op.flags,
                        .closed = false,
                        .poisoned = 0,
                        .forgotten = false,
                        .in_place = rules.in_place_conversion,
                        .is_private = is_private ? ~uint64_t{0} : 0};
  const auto number = op.gmem < 0 ? state.files.size() : static_cast<std::size_t>(op.gmem);
  while (state.files.size() <= number) state.files.push_back({.pages = 0, .closed = true});
  state.files[number] = file;
}

Choices FinishChoices(const State& state, const Operation& op) {
  switch (op.kind) {
    case Kind::kPoisonGuestMemfd:
      // The page is kept, so the call has something to complain about although it did its work.
      return One({.move = Move::kFinish, .error = Errno(EBUSY), .clause = "GMEM-35"});
    case Kind::kReadHost: {
      Choices choices = One({.move = Move::kMemory, .clause = "GMEM-33"});
      if (MayBeGone(state, op)) choices.push_back({.move = Move::kDropped, .clause = "GMEM-17"});
      return choices;
    }
    case Kind::kAllocateGuestMemfd: {
      Choices choices = One({.move = Move::kFinish, .clause = "GMEM-15"});
      if (op.may_be_interrupted) {
        choices.push_back({.move = Move::kFail, .error = Errno(EINTR), .clause = "GMEM-16"});
      }
      return choices;
    }
    case Kind::kHoldGuestMemfd:
      return One({.move = Move::kFinish, .clause = "CONV-05"});
    default:
      return One({.move = Move::kFinish, .clause = "GMEM-05"});
  }
}

}  // namespace

Choices HostMemoryChoices(const Rules& rules, const State& state, const Pending& call) {
  const Operation& op = call.op;
  const bool takes_lock =
      op.kind == Kind::kCloseGuestMemfd && !rules.planted.Is(Bug::kCloseTakesNoLock);
  if (takes_lock && state.slots_lock) return {};
  if (op.kind != Kind::kCreateGuestMemfd && !IsPossible(state, op)) return {};
  if (const Check* check = FirstRefusal(rules, state, op)) {
    return One({.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
  }
  return FinishChoices(state, op);
}

void TakeHostMemory(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  const Operation& op = call.op;
  if (choice.move != Move::kFail) {
    switch (op.kind) {
      case Kind::kCreateGuestMemfd:
        Create(rules, state, op);
        break;
      case Kind::kCloseGuestMemfd:
        Close(rules, state, op.gmem);
        break;
      case Kind::kPoisonGuestMemfd:
        Poison(rules, state, op);
        break;
      case Kind::kHoldGuestMemfd:
        HoldPages(state, op);
        break;
      case Kind::kWriteHost:
        WriteWord(state, {op.gmem, op.address}, op.value);
        break;
      case Kind::kReadHost:
        if (choice.move == Move::kDropped) WriteWord(state, {op.gmem, op.address}, 0);
        Read(rules, state, call);
        break;
      default:
        break;
    }
  }
  End(call, choice.error);
}

}  // namespace kct::model
