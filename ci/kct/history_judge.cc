// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/history_judge.h"

#include "harness/base/clock.h"
#include "harness/history/text.h"
#include "harness/judge/findings.h"

namespace kct {

TestResult WithItsHistoriesJudged(TestResult result) {
  if (result.history.empty()) return result;
  const Result<std::vector<Recording>> recordings = ParseHistory(result.history, "history.txt");
  if (!recordings) {
    result.notes.push_back("a history that can't be read: " + recordings.error().message);
    return result;
  }
  const Instant start = Clock::now();
  const Findings findings = JudgeAll(recordings.value());
  HistoryCount& histories = result.histories;
  histories.explained = findings.explained;
  histories.contradicted = findings.contradicted;
  histories.gave_up = findings.gave_up;
  histories.clauses = findings.clauses;
  histories.contradictions = findings.contradictions;
  histories.doubts = findings.doubts;
  histories.seconds = Seconds(Clock::now() - start);
  if (findings.contradicted == 0 || IsBad(result.verdict)) return result;
  result.verdict = Verdict::kFail;
  const TestCase& test = result.assignment.test;
  for (const std::string& text : findings.contradictions) {
    result.failures.push_back({test.file, test.line, findings.clauses, text});
  }
  return result;
}

}  // namespace kct
