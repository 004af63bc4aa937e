// SPDX-License-Identifier: GPL-2.0-only
// Report: what the running test has to say, as events (docs/design/protocol.md) and as text.
//
// There is one current test at a time. All functions may be called from any thread, but
// assertions belong to the main thread.
#pragma once

#include <string>
#include <string_view>

#include "harness/base/verdict.h"
#include "harness/liveness/stall.h"
#include "harness/race/history.h"
#include "harness/spec/clause_id.h"
#include "harness/testing/needs.h"

namespace kct {

// Events go to this file descriptor; without it only the text is printed.
void ReportEventsTo(int fd);

// --- from tests ---------------------------------------------------------------------------------

// Blames `clause` for what fails or stalls while it lives, instead of all clauses of the test.
class ScopedClause {
 public:
  explicit ScopedClause(ClauseId clause);
  ~ScopedClause();
  ScopedClause(const ScopedClause&) = delete;
  ScopedClause& operator=(const ScopedClause&) = delete;

 private:
  std::optional<ClauseId> previous_;
};

// A line for the reader of the report.
void Note(std::string_view text);
// Counts of a race, and its history if the test does not pass.
void ReportRace(std::string_view name, const History& history);
// A scene in which one side was parked at an exact point and the other was seen to act there.
void ReportAnchoredMeeting(std::string_view text);
// What has to be the same in both paging modes; for tests that need both (Need::kBothPagings). The
// runner compares values of the same name. At most some 30 KB of text a value.
void ReportView(std::string_view name, std::string_view value);
// The test could not show what it is about.
void ReportInconclusive(std::string_view text);

// The seed of the running test.
uint64_t Seed();

// --- from the harness ---------------------------------------------------------------------------

void BeginTest(std::string_view full_name, std::vector<ClauseId> clauses, uint64_t seed);
void ReportFailure(std::string_view file, int line, std::string_view text);
void ReportSkip(const Missing& missing);
void ReportKernelLog(const std::vector<std::string>& lines);
// Reports the stall and ends the process with the verdict HANG.
[[noreturn]] void ReportStallAndExit(const Stall& stall);
// Ends the running test; the verdict is the worst of what was reported.
Verdict EndTest();

}  // namespace kct

#define SCOPED_CLAUSE(id) const ::kct::ScopedClause KCT_CONCAT(kct_clause_, __LINE__)(id)
