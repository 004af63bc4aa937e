// SPDX-License-Identifier: GPL-2.0-only
// Steps: a call is a short sequence of atomic steps. What it may do next is a set of choices, each
// with the clause that allows it; an empty set means that it has to wait for somebody else.
//
//   Pending call(op);
//   while (!call.over()) {
//     const Choices choices = NextChoices(rules, state, call);
//     if (choices.empty()) …wait…
//     Take(rules, state, call, choices[0]);
//   }
//   call.outcome
//
// Pure functions: no I/O, no clock, no threads. The model as a target (harness/imitation) and the
// judge (harness/judge) both go through them.
#pragma once

#include <string_view>

#include "harness/model/operation.h"
#include "harness/model/rules.h"
#include "harness/model/state.h"
#include "harness/spec/clause_id.h"

namespace kct::model {

enum class Phase : uint8_t {
  kCalled,       // nothing has happened yet
  kInvalidated,  // update: the slot is marked; readers that may use it are waited for
  kSwapped,      // update: the new layout is in force; readers of the old one are waited for
  kReading,      // prefault, access: in the read section of the slots
  kInGuest,      // KVM_RUN
  kFaulted,      // access, accept: the hardware has found an entry of another size
  kOver,
};

// "slot marked, waits for readers": for reports.
std::string_view Describe(Phase phase);

// An operation under way.
struct Pending {
  Operation op;
  Phase phase = Phase::kCalled;
  uint16_t since = 0;        // State::swaps when the read section began
  uint16_t invalidated = 0;  // kAccess: Rare::invalidated when the fault looked the page up
  bool was_private = false;  // kAccess, kPreFault: how the fault takes the page
  uint64_t done = 0;         // kPreFault: pages
  // kAccess, kReadHost that read a word nobody knows yet: what they find there. kTranslate: the
  // guest's entry as it was read.
  uint64_t found = 0;
  Outcome outcome;  // once over()

  Pending() = default;
  explicit Pending(const Operation& operation) : op(operation) {}
  bool over() const { return phase == Phase::kOver; }
  bool operator==(const Pending& other) const {
    return phase == other.phase && since == other.since && done == other.done &&
           invalidated == other.invalidated && was_private == other.was_private &&
           found == other.found && outcome == other.outcome;
  }
};

enum class Move : uint8_t {
  kFail,        // returns `error`
  kFinish,      // returns 0
  kInvalidate,  // marks the slot
  kReplace,     // drops the marked slot's entries; removes it, or puts it at its new place
  kRevert,      // takes the mark away again and returns `error`
  kInstall,     // adds the slot
  kReflag,      // changes the slot's flags
  kEnter,       // begins the read section (and takes the vCPU)
  kMapPages,    // does `count` pages
  kStop,        // ends a prefault: `error` unless pages were done
  kRetry,       // leaves the read section and looks again later
  kMemory,      // the access reaches memory
  kMmio,        // the access is an exit
  kKill,        // the VM is dead
  kFault,       // the hardware finds an entry of another size
  kSplit,       // PSMASH: an entry of 2 MiB becomes 512
  kResume,      // back into the guest, which tries again
  kDropped,     // a host read that finds the page gone
  kExit,        // an exit to user space that it has to answer
  kTell,        // the guest is told `count`
  kProtect,     // SNP_LAUNCH_FINISH: the vCPUs' state is encrypted
  kCompare,     // the guest's page-table entry is read again
};

struct Choice {
  Move move;
  Errno error;
  bool memory_fault = false;
  bool fault_is_private = false;
  uint64_t count = 0;  // kMapPages: at most so many pages in a row can be done now; kTell
  ClauseId clause;
};

using Choices = FixedVector<Choice, 6>;

// What `call` may do next. REQUIRES: !call.over()
Choices NextChoices(const Rules& rules, const State& state, const Pending& call);
// Does it. REQUIRES: the choice is one of NextChoices of this call, now or (kMapPages) earlier.
void Take(const Rules& rules, State& state, Pending& call, const Choice& choice);

}  // namespace kct::model
