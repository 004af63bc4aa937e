// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/findings.h"

#include <fmt/format.h>

#include <set>

#include "harness/history/text.h"

namespace kct {
namespace {

// Enough for every race of the suites; more would be felt in a whole run.
constexpr JudgeLimits kLimits{.configurations = 300'000};

std::string Explain(const Recording& recording, const Judgement& judgement) {
  std::string text = fmt::format("{} {}\n", Name(judgement.answer), judgement.why);
  std::set<uint32_t> shown(judgement.context.begin(), judgement.context.end());
  for (const CoreCall& core : judgement.core) shown.insert(core.call);
  for (uint32_t i : shown) {
    const RecordedCall& call = recording.calls[i];
    bool in_core = false;
    std::string allowed;
    for (const CoreCall& core : judgement.core) {
      if (core.call != i) continue;
      in_core = true;
      allowed = fmt::format("   model: {} ({})", fmt::join(core.allowed, " | "),
                            fmt::join(core.clauses, " "));
    }
    text += fmt::format("{} {} .. {} {} {}{}\n", in_core ? ">" : " ", call.begin, call.end,
                        recording.lanes[call.lane], CallText(call), allowed);
  }
  return text;
}

}  // namespace

Findings JudgeAll(std::span<const Recording> recordings) {
  Findings findings;
  std::set<std::string> clauses;
  for (const Recording& recording : recordings) {
    const Judgement judgement = Judge(recording, kLimits);
    switch (judgement.answer) {
      case Answer::kExplained:
        ++findings.explained;
        continue;
      case Answer::kContradicted:
        ++findings.contradicted;
        break;
      case Answer::kGaveUp:
        ++findings.gave_up;
        break;
    }
    for (const std::string& clause : judgement.Clauses()) clauses.insert(clause);
    findings.explanations.push_back(Explain(recording, judgement));
  }
  findings.clauses.assign(clauses.begin(), clauses.end());
  return findings;
}

}  // namespace kct
