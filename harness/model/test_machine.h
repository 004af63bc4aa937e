// SPDX-License-Identifier: GPL-2.0-only
// TestMachine: a VM of the model for unit tests, whose calls are taken step by step by name.
//
//   TestMachine vm;
//   vm.Do(Slot(1, 0x10, 4));
//   Pending prefault = vm.Begin(PreFault(0x10, 4));
//   vm.Step(prefault, Move::kEnter);
#pragma once

#include <vector>

#include "harness/base/check.h"
#include "harness/model/step.h"

namespace kct::model {

// A region of `pages` at guest page `gfn`.
inline Operation SlotAt(uint32_t id, uint64_t gfn, uint64_t pages, uint64_t host_page,
                        uint64_t flags = 0) {
  Operation op;
  op.kind = Kind::kSetRegion;
  op.slot = id;
  op.flags = flags;
  op.address = gfn * kPageBytes;
  op.size = pages * kPageBytes;
  op.host = host_page * kPageBytes;
  return op;
}

inline Operation Delete(uint32_t id) {
  Operation op;
  op.kind = Kind::kSetRegion;
  op.slot = id;
  return op;
}

inline Operation PreFault(uint64_t gfn, uint64_t pages, uint8_t vcpu = 0) {
  Operation op;
  op.kind = Kind::kPreFault;
  op.vcpu = vcpu;
  op.address = gfn * kPageBytes;
  op.size = pages * kPageBytes;
  return op;
}

inline Operation KvmRun(uint8_t vcpu = 0) {
  Operation op;
  op.kind = Kind::kRun;
  op.vcpu = vcpu;
  return op;
}

inline Operation AccessTo(uint64_t gfn, Access access, uint8_t vcpu = 0) {
  Operation op;
  op.kind = Kind::kAccess;
  op.vcpu = vcpu;
  op.access = access;
  op.address = gfn * kPageBytes;
  return op;
}

struct TestMachine {
  Rules rules;
  State state;

  std::vector<Move> Moves(const Pending& call) const {
    std::vector<Move> moves;
    for (const Choice& choice : NextChoices(rules, state, call)) moves.push_back(choice.move);
    return moves;
  }
  std::vector<Errno> Errors(const Pending& call) const {
    std::vector<Errno> errors;
    for (const Choice& choice : NextChoices(rules, state, call)) errors.push_back(choice.error);
    return errors;
  }
  bool Waits(const Pending& call) const { return NextChoices(rules, state, call).empty(); }

  // REQUIRES: the move is on offer.
  void Step(Pending& call, Move move) {
    for (const Choice& choice : NextChoices(rules, state, call)) {
      if (choice.move != move) continue;
      Take(rules, state, call, choice);
      return;
    }
    KCT_CHECK(false);
  }
  // The first choice again and again, until the call is over or has to wait.
  void GoOn(Pending& call) {
    while (!call.over() && !Waits(call)) {
      Take(rules, state, call, NextChoices(rules, state, call)[0]);
    }
  }
  // REQUIRES: the call does not have to wait.
  Outcome Do(const Operation& op) {
    Pending call(op);
    GoOn(call);
    KCT_CHECK(call.over());
    return call.outcome;
  }
};

}  // namespace kct::model
