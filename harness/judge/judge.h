// SPDX-License-Identifier: GPL-2.0-only
// Judge: is there an order of atomic steps, consistent with real time, in which the model gives
// every answer that was seen?
//
//   Judgement judgement = Judge(recording, {});
//   judgement.answer == Answer::kContradicted; judgement.core
//
// How: the beginnings and ends of calls are gone through in order of time. Steps are taken as late
// as possible: only when a call's end demands that it be over. Where several orders are possible
// they are tried depth first, the demanded call's own steps before those of others that may
// interfere with it. docs/design/judge.md has the rest, and what it costs.
//
// Assumptions, checked first: a call begins before it ends, what was seen of it was seen meanwhile,
// and vCPUs have small numbers. Bounds: kMostAtOnce calls in flight, JudgeLimits.
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
  std::vector<std::string> allowed;  // what the model would have allowed: "EAGAIN"
  std::vector<std::string> clauses;  // that say so
};

// A step of the explanation that there would be if the first call of the core had answered
// otherwise. Such a step is taken as late as it can be.
struct StoryStep {
  uint32_t call;  // index into Recording::calls
  model::Move move;
  ClauseId clause;
  uint64_t latest;  // it was taken by this time
};

struct Judgement {
  Answer answer = Answer::kExplained;
  // Contradicted: calls whose answers can't all be right. Without any one of them there is an
  // explanation, whatever that one answered. Of a long recording only the last hundred calls before
  // the contradiction are looked at, given one explanation of those before.
  std::vector<CoreCall> core;
  // Whether the search for the core came to its end; otherwise there may be a smaller one.
  bool core_is_minimal = true;
  std::vector<StoryStep> story;
  // Contradicted: what the core's calls are to be seen with: updates of the same memory, and what
  // ran meanwhile. Indices into Recording::calls.
  std::vector<uint32_t> context;
  std::string why;  // gave up: why
  uint64_t configurations = 0;
  uint64_t most_bytes = 0;  // of memory that the searches needed at most

  // The clauses of the core, each once.
  std::vector<std::string> Clauses() const;
};

Judgement Judge(const Recording& recording, const JudgeLimits& limits);

}  // namespace kct
