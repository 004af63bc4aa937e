// SPDX-License-Identifier: GPL-2.0-only
// Proposed: conversion in place, KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd, as posted in "guest_
// memfd: In-place conversion support" (2026). Everything that can fail comes first; then entries of
// stage 2 go, and the pages are of the other kind.
#include <algorithm>
#include <cerrno>
#include <optional>

#include "harness/abi/proposed.h"
#include "harness/abi/uapi.h"
#include "harness/model/checks.h"
#include "harness/model/families.h"

namespace kct::model {
namespace {

constexpr uint64_t kPagesInBits = 64;

uint64_t BitsOf(const Operation& op) {
  uint64_t bits = 0;
  const uint64_t end = std::min(PageOf(op.address + op.size), kPagesInBits);
  for (uint64_t page = PageOf(op.address); page < end; ++page) bits |= uint64_t{1} << page;
  return bits;
}

GuestMemfd& FileOf(State& state, const Operation& op) {
  return state.files[static_cast<std::size_t>(op.gmem)];
}
const GuestMemfd& FileOf(const State& state, const Operation& op) {
  return state.files[static_cast<std::size_t>(op.gmem)];
}

bool ToPrivate(const Operation& op) { return (op.value & KVM_MEMORY_ATTRIBUTE_PRIVATE) != 0; }

bool IsDoneAlready(const GuestMemfd& file, const Operation& op) {
  const uint64_t bits = BitsOf(op);
  return (file.is_private & bits) == (ToPrivate(op) ? bits : 0);
}

// The first page of the range that somebody holds.
std::optional<uint64_t> FirstHeld(const State& state, const Operation& op) {
  const uint64_t bits = FileOf(state, op).held & BitsOf(op);
  for (uint64_t page = 0; page < kPagesInBits; ++page) {
    if ((bits >> page & 1) != 0) return page;
  }
  return std::nullopt;
}

void Zero(State& state, const Operation& op) {
  for (Word& word : state.words) {
    if (word.gmem == op.gmem && word.address - op.address < op.size) word.value = 0;
  }
}

// Nobody knows any more what is in the range.
void Forget(State& state, const Operation& op) {
  for (Word* word = state.words.begin(); word != state.words.end();) {
    if (word->gmem == op.gmem && word->address - op.address < op.size) {
      state.words.erase(word);
    } else {
      ++word;
    }
  }
  FileOf(state, op).forgotten = true;
}

void ApplyToContents(const Rules& rules, State& state, const Operation& op) {
  switch (op.flags) {
    case kConvertZeroes:
      if (!rules.planted.Is(Bug::kZeroingKeepsContents)) Zero(state, op);
      return;
    case kConvertPreserves:
      if (rules.planted.Is(Bug::kPreservingDropsContents)) Zero(state, op);
      return;
    default:
      return Forget(state, op);
  }
}

void SetKind(State& state, const Operation& op) {
  GuestMemfd& file = FileOf(state, op);
  file.is_private = ToPrivate(op) ? file.is_private | BitsOf(op) : file.is_private & ~BitsOf(op);
}

}  // namespace

Choices ConvertInPlaceChoices(const Rules& rules, const State& state, const Operation& op) {
  if (op.gmem < 0 || !FileExists(state, op)) return {};
  if (const Check* check = FirstRefusal(rules, state, op)) {
    return One({.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
  }
  if (IsDoneAlready(FileOf(state, op), op))
    return One({.move = Move::kFinish, .clause = "CONV-04"});
  const bool is_held = ToPrivate(op) && FirstHeld(state, op).has_value();
  if (is_held && !rules.planted.Is(Bug::kConversionIgnoresHolders)) {
    return One({.move = Move::kFail, .error = Errno(EAGAIN), .clause = "CONV-05"});
  }
  Choices choices = One({.move = Move::kInvalidate, .clause = "CONV-04"});
  if (op.may_fault) {
    // A TD's page that is to become shared is still mapped and accepted then.
    const ClauseId clause = ToPrivate(op) ? ClauseId("CONV-08") : ClauseId("CONV-07");
    choices.push_back({.move = Move::kFail, .error = Errno(ENOMEM), .clause = clause});
  }
  return choices;
}

void ConvertInPlace(const Rules& rules, State& state, const Operation& op) {
  SetKind(state, op);
  ApplyToContents(rules, state, op);
  // The pages go back to the host; those that become private are the guest's at its next fault.
  if (!ToPrivate(op)) {
    ReleasePages(rules, state, op.gmem, PageOf(op.address), PageOf(op.address + op.size - 1));
  }
}

void FailInPlace(const Rules& rules, State& state, Pending& call, Errno error) {
  if (error == Errno(EAGAIN) && !rules.planted.Is(Bug::kHolderIsNotNamed)) {
    call.outcome.address = FirstHeld(state, call.op).value_or(0) * kPageBytes;
  }
  const bool had_begun = error == Errno(EAGAIN) || error == Errno(ENOMEM);
  if (!had_begun) return;
  if (rules.planted.Is(Bug::kFailedConversionIsHalfDone)) {
    Operation first = call.op;
    first.size = kPageBytes;
    SetKind(state, first);
  }
  if (rules.planted.Is(Bug::kFailedConversionUnmaps)) {
    const uint64_t last = PageOf(call.op.address + call.op.size - 1);
    ReleasePages(rules, state, call.op.gmem, PageOf(call.op.address), last);
    state.entries.clear();
  }
}

void HoldPages(State& state, const Operation& op) {
  GuestMemfd& file = FileOf(state, op);
  file.held = op.value != 0 ? file.held | BitsOf(op) : file.held & ~BitsOf(op);
}

}  // namespace kct::model
