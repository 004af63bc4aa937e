// SPDX-License-Identifier: GPL-2.0-only
// The steps of each family of operations, and what they share. For step.cc only.
#pragma once

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

constexpr uint8_t BitOf(uint8_t vcpu) { return static_cast<uint8_t>(1u << vcpu); }

const Entry* FindEntry(const State& state, uint32_t space, uint64_t gfn);
void AddEntry(const Rules& rules, State& state, uint32_t space, uint64_t gfn, Access access);

}  // namespace kct::model
