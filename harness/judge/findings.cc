// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/findings.h"

#include <set>

#include "harness/judge/explain.h"

namespace kct {
namespace {

// Enough for every race of the suites; more would be felt in a whole run.
constexpr JudgeLimits kLimits{.configurations = 300'000};

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
