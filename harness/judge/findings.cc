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
        break;
      case Answer::kContradicted:
        ++findings.contradicted;
        for (const std::string& clause : judgement.Clauses()) clauses.insert(clause);
        findings.contradictions.push_back(Explain(recording, judgement));
        break;
      case Answer::kGaveUp:
        ++findings.gave_up;
        findings.doubts.push_back(judgement.why);
        break;
    }
  }
  findings.clauses.assign(clauses.begin(), clauses.end());
  return findings;
}

}  // namespace kct
