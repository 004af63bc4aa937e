// SPDX-License-Identifier: GPL-2.0-only
// The steps of each family of operations, and what they share. For step.cc only.
#pragma once

#include <optional>

#include "harness/model/step.h"

namespace kct::model {

Choices UpdateChoices(const Rules& rules, const State& state, const Pending& call);
void TakeUpdate(const Rules& rules, State& state, Pending& call, const Choice& choice);

Choices PreFaultChoices(const Rules& rules, const State& state, const Pending& call);
void TakePreFault(const Rules& rules, State& state, Pending& call, const Choice& choice);

Choices AccessChoices(const Rules& rules, const State& state, const Pending& call);
void TakeAccess(const Rules& rules, State& state, Pending& call, const Choice& choice);

// KVM_RUN, and all calls that are one atomic step.
Choices SimpleChoices(const Rules& rules, const State& state, const Pending& call);
void TakeSimple(const Rules& rules, State& state, Pending& call, const Choice& choice);

// Calls that take pages away from under the guest: attributes, a hole in a file, MADV_DONTNEED.
Choices InvalidationChoices(const Rules& rules, const State& state, const Pending& call);
void TakeInvalidation(const Rules& rules, State& state, Pending& call, const Choice& choice);

// Proposed: conversion in place, as a call that takes pages away. For invalidation.cc.
Choices ConvertInPlaceChoices(const Rules& rules, const State& state, const Operation& op);
void ConvertInPlace(const Rules& rules, State& state, const Operation& op);
void FailInPlace(const Rules& rules, State& state, Pending& call, Errno error);
// Somebody takes or drops references to pages of a file.
void HoldPages(State& state, const Operation& op);

// guest_memfd files, and what user space finds in its memory.
Choices HostMemoryChoices(const Rules& rules, const State& state, const Pending& call);
void TakeHostMemory(const Rules& rules, State& state, Pending& call, const Choice& choice);

// Exits that the guest's requests for a conversion make, and their answers.
Choices ExitChoices(const Rules& rules, const State& state, const Pending& call);
void TakeExit(const Rules& rules, State& state, Pending& call, const Choice& choice);

// The commands that bring up a confidential VM: those of one step, and those that fill memory.
Choices LaunchChoices(const Rules& rules, const State& state, const Pending& call);
void TakeLaunch(const Rules& rules, State& state, Pending& call, const Choice& choice);
Choices PopulateChoices(const Rules& rules, const State& state, const Pending& call);
void TakePopulate(const Rules& rules, State& state, Pending& call, const Choice& choice);

// Shadow paging: a guest's page-table entry and KVM's copy of it.
Choices ShadowChoices(const Rules& rules, const State& state, const Pending& call);
void TakeShadow(const Rules& rules, State& state, Pending& call, const Choice& choice);

// Accesses of a VM with private memory; for access.cc.
Choices PrivateVmChoices(const Rules& rules, const State& state, const Pending& call);
// An access gets through to a private page: whether it finds memory there.
enum class Landing : uint8_t { kInMemory, kElsewhere };
Landing LandOnPrivatePage(const Rules& rules, State& state, Pending& call);
// Its page becomes the guest's (SNP, TDX): a fault or a prefault takes it from the file.
void TakePrivatePage(const Rules& rules, State& state, uint64_t gfn);
void SplitEntry(const Rules& rules, State& state, uint64_t gfn);
// How a fault of a VM with private memory takes the page.
bool IsTakenAsPrivate(const Rules& rules, const State& state, const Operation& op);

// Why a page can't be had from the file that backs it.
struct FileFailure {
  int error;
  ClauseId clause;
};
std::optional<FileFailure> WhyFileFails(const Rules& rules, const State& state, const Slot& slot,
                                        uint64_t gfn);
// The file finds no memory for a page that it has not got.
Choice OutOfMemory(const Rules& rules);
// Pages of a file stop being the guest's: they were freed.
void ReleasePages(const Rules& rules, State& state, int32_t gmem, uint64_t first, uint64_t last);
// TDX: guest pages lose their mapping, and with it what they held.
void DropSecureEntries(const Rules& rules, State& state, uint64_t first, uint64_t last);

// --- shared
// ----------------------------------------------------------------------------------------
inline Choices One(const Choice& choice) {
  Choices choices;
  choices.push_back(choice);
  return choices;
}

void EnterReaders(State& state, Pending& call);
void LeaveReaders(State& state, const Pending& call);
// The set of slots has been replaced: those in the read section are old readers now.
void CountSwap(State& state);
void End(Pending& call, Errno error);

// The page of the file that backs a guest page of a slot.
inline uint64_t FilePageOf(const Slot& slot, uint64_t gfn) {
  return slot.gmem_page + gfn - slot.gfn;
}

// Whether the file that `op` is about exists; true if it is about none. A call on one that does not
// comes before its creation, and has to wait for that.
inline bool FileExists(const State& state, const Operation& op) {
  return op.gmem < 0 || static_cast<std::size_t>(op.gmem) < state.files.size();
}

constexpr uint8_t BitOf(uint8_t vcpu) { return static_cast<uint8_t>(1u << vcpu); }

const Entry* FindEntry(const State& state, uint32_t space, uint64_t gfn);
void AddEntry(const Rules& rules, State& state, uint32_t space, uint64_t gfn, Access access);

}  // namespace kct::model
