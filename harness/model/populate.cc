// SPDX-License-Identifier: GPL-2.0-only
// Filling a confidential VM's memory before it runs, page by page under slots_lock:
// virt/kvm/guest_memfd.c:kvm_gmem_populate for svm/sev.c:snp_launch_update and
// vmx/tdx.c:tdx_vcpu_init_mem_region.
#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/checks.h"
#include "harness/model/families.h"
#include "harness/model/words.h"

namespace kct::model {
namespace {

bool IsSnp(const Operation& op) { return op.kind == Kind::kSnpLaunchUpdate; }

Choice Stop(int error, ClauseId clause) {
  return {.move = Move::kStop, .error = Errno(error), .clause = clause};
}

ClauseId ClauseOfFailure(const Operation& op) {
  return IsSnp(op) ? ClauseId("SNP-14") : ClauseId("TDX-14");
}

bool IsPrivate(const State& state, uint64_t gfn) {
  return (state.AttributesOf(gfn) & KVM_MEMORY_ATTRIBUTE_PRIVATE) != 0;
}

// Where the slot that holds the first page ends: SNP's command does not go beyond it.
bool IsBeyondFirstSlot(const Rules& rules, const State& state, const Operation& op, uint64_t gfn) {
  if (!IsSnp(op) || rules.planted.Is(Bug::kUpdateCrossesSlots)) return false;
  const Slot* slot = state.FindSlot(0, PageOf(op.address));
  return slot != nullptr && !slot->Covers(gfn);
}

Choices PageChoices(const Rules& rules, const State& state, const Pending& call) {
  const Operation& op = call.op;
  const ClauseId failure = ClauseOfFailure(op);
  const uint64_t gfn = PageOf(op.address) + call.done;
  if (IsBeyondFirstSlot(rules, state, op, gfn)) return One(Stop(0, "POP-03"));
  Choices choices;
  if (op.may_be_interrupted) choices.push_back(Stop(EINTR, failure));
  const Slot* slot = state.FindSlot(0, gfn);
  if (slot == nullptr || slot->gmem < 0) return One(Stop(EINVAL, "POP-01"));
  const auto number = static_cast<std::size_t>(slot->gmem);
  if (number >= state.files.size() || state.files[number].closed) {
    return One(Stop(EFAULT, "POP-01"));
  }
  if (op.may_fault) choices.push_back(Stop(EFAULT, "POP-04"));
  if (const auto why = WhyFileFails(rules, state, *slot, gfn)) {
    choices.push_back(Stop(why->error, failure));
    return choices;
  }
  if (!IsPrivate(state, gfn) && !rules.planted.Is(Bug::kPopulateTakesSharedPages)) {
    choices.push_back(Stop(EINVAL, "POP-02"));
    return choices;
  }
  const bool taken = state.rare->FindPage(slot->gmem, FilePageOf(*slot, gfn)) != nullptr;
  const bool too_late = IsSnp(op) && state.rare->launch == Launch::kFinished;
  if ((taken && !rules.planted.Is(Bug::kPopulateTakesPageTwice)) || too_late) {
    choices.push_back(Stop(EIO, failure));
    return choices;
  }
  choices.push_back({.move = Move::kMapPages, .count = 1, .clause = failure});
  return choices;
}

// The page is the guest's, with the contents of the source.
void Fill(State& state, const Operation& op, uint64_t index) {
  const uint64_t gfn = PageOf(op.address) + index;
  const Slot* slot = state.FindSlot(0, gfn);
  if (slot == nullptr || slot->gmem < 0) return;
  const uint64_t page = FilePageOf(*slot, gfn);
  Rare& rare = state.rare.Write();
  if (rare.FindPage(slot->gmem, page) == nullptr) {
    rare.pages.push_back({slot->gmem, page, gfn, true, false});
  }
  const bool zero = IsSnp(op) && op.value == KVM_SEV_SNP_PAGE_TYPE_ZERO;
  const uint64_t source = op.host + index * kPageBytes;
  const FixedVector<Word, kMostWords> words = state.words;
  for (const Word& word : words) {
    if (zero || word.gmem != -1 || word.address - source >= kPageBytes) continue;
    WriteWord(state, {slot->gmem, page * kPageBytes + word.address - source}, word.value);
  }
}

void WriteBack(Pending& call) {
  call.outcome.address = call.op.address + call.done * kPageBytes;
  call.outcome.left = call.op.size - call.done * kPageBytes;
}

void EndUpdate(const Rules& rules, Pending& call, Errno error) {
  const bool failed = error != Errno() && call.done == 0;
  if (!failed && error != Errno() && rules.planted.Is(Bug::kUpdateLosesProgress)) {
    return End(call, Errno(EIO));
  }
  End(call, failed ? Errno(EIO) : Errno());
  if (failed && rules.planted.Is(Bug::kUpdateSaysWhy)) call.outcome.error = error;
  if (!failed) WriteBack(call);
}

void EndRegion(const Rules& rules, Pending& call, Errno error) {
  const bool hides = rules.planted.Is(Bug::kRegionHidesItsFailure) && call.done > 0;
  End(call, hides ? Errno() : error);
  WriteBack(call);
  if (error != Errno() && rules.planted.Is(Bug::kRegionForgetsItsProgress)) {
    call.outcome.address = call.op.address;
    call.outcome.left = call.op.size;
  }
}

}  // namespace

Choices PopulateChoices(const Rules& rules, const State& state, const Pending& call) {
  const Operation& op = call.op;
  if (call.phase == Phase::kCalled) {
    if (state.slots_lock) return {};
    const bool waits = !IsSnp(op) && !rules.planted.Is(Bug::kLaunchDoesNotWaitForVcpus);
    if (waits && state.busy_vcpus != 0) return {};
    if (const Check* check = FirstRefusal(rules, state, op)) {
      return One({.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
    }
    return One({.move = Move::kEnter, .clause = "MEMSLOT-38"});
  }
  if (call.done * kPageBytes >= op.size) return One(Stop(0, ClauseOfFailure(op)));
  return PageChoices(rules, state, call);
}

void TakePopulate(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  switch (choice.move) {
    case Move::kEnter:
      state.slots_lock = true;
      if (!IsSnp(call.op)) state.busy_vcpus = 0xff;
      call.phase = Phase::kReading;
      return;
    case Move::kMapPages:
      Fill(state, call.op, call.done);
      ++call.done;
      return;
    case Move::kStop:
      state.slots_lock = false;
      if (!IsSnp(call.op)) state.busy_vcpus = 0;
      return IsSnp(call.op) ? EndUpdate(rules, call, choice.error)
                            : EndRegion(rules, call, choice.error);
    default:
      End(call, choice.error);
      call.outcome.address = call.op.address;
      call.outcome.left = call.op.size;
      return;
  }
}

}  // namespace kct::model
