// SPDX-License-Identifier: GPL-2.0-only
// Judge: is there an order of atomic steps, consistent with real time, in which the model gives
// every answer that was seen?
//
//   Judgement judgement = Judge(recording, {});
//   judgement.answer == Answer::kContradicted; judgement.core
//
// How: the beginnings and ends of calls are gone through in order of time. Steps are taken as late
// as possible: only when a call's end demands that it be over. Where several orders are possible
// they are tried depth first, the demanded call's own steps before those of others; a state met
// again at the same point is not searched twice. What makes it fast is in docs/design/judge.md.
//
// Assumptions, checked first: times are of one clock and calls are in the order of their
// beginnings. Bounds: kMostAtOnce calls in flight, Limits::configurations.
#pragma once

#include <string>
#include <vector>

#include "harness/history/recording.h"

namespace kct {

inline constexpr std::size_t kMostAtOnce = 24;

struct JudgeLimits {
  uint64_t configurations = 2'000'000;  // tried, before it gives up; each kept takes 16 bytes
  // Both off is a plain Wing–Gong search, for comparison.
  bool remember_failures = true;  // a state that was met before is not searched again
  bool partition = true;          // calls that have nothing to do with each other are not reordered
};

enum class Answer { kExplained, kContradicted, kGaveUp };
std::string_view Name(Answer answer);

struct CoreCall {
  uint32_t call;                     // index into Recording::calls
  std::vector<std::string> allowed;  // what the model would have allowed: "-1 EAGAIN"
  std::vector<std::string> clauses;  // that say so
};

struct Judgement {
  Answer answer = Answer::kExplained;
  // Contradicted: calls whose answers can't all be right. Without any one of them there is an
  // explanation, whatever that one answered.
  std::vector<CoreCall> core;
  // Contradicted: what the core's calls are to be seen with: updates of the same memory, and what
  // ran meanwhile. Indices into Recording::calls.
  std::vector<uint32_t> context;
  std::string why;  // gave up: why
  uint64_t configurations = 0;

  // The clauses of the core, each once.
  std::vector<std::string> Clauses() const;
};

Judgement Judge(const Recording& recording, const JudgeLimits& limits);

}  // namespace kct
