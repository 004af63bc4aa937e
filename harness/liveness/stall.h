// SPDX-License-Identifier: GPL-2.0-only
// Stall: everything known about a moment without progress, and the same in words.
#pragma once

#include <string>
#include <vector>

#include "harness/liveness/in_flight.h"

namespace kct {

// A thread that was inside a call when the stall was declared.
struct StalledThread {
  std::string name;  // the actor's name
  pid_t tid = 0;
  std::string call;           // "PRE_FAULT_MEMORY(gpa=…)"
  unsigned long request = 0;  // 0 for a call that is not an ioctl
  double waiting_seconds = 0;
  char state = '?';                       // of the thread, from /proc
  double cpu_seconds = 0;                 // used by the thread while it was watched
  std::vector<std::string> kernel_stack;  // innermost first; empty: not known
  std::vector<std::string> user_stack;    // taken when the signal got the thread out
  std::vector<std::string> registers;     // of the guest, once KVM_RUN has come back
  bool guest_derailed = false;            // it ran where no program of kct ever is
  bool released = false;                  // came back after a signal to the stalled threads
  std::string answer;                     // what the released call returned

  bool Spins() const { return state == 'R'; }
  // Whether a function of this name (a part of it) is on the kernel stack.
  bool IsIn(std::string_view function) const;
};

struct Stall {
  std::vector<StalledThread> threads;  // those out of their budget first

  bool AllReleased() const;
  // Whether a guest is off its program: no clause of the tests is about that.
  bool IsOfADerailedGuest() const;
  // The cycle of waiting, in one or two sentences.
  std::string Cycle() const;
  // The whole report: calls, cycle, stacks, what a signal did.
  std::string ToString() const;
};

}  // namespace kct
