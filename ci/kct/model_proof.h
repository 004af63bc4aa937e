// SPDX-License-Identifier: GPL-2.0-only
// The proof with planted bugs: for each bug that can be planted in the model there is a test that
// fails and blames the clause named for the bug, and for each test there is a bug that makes it
// fail (docs/design/model.md).
#pragma once

#include <string>
#include <vector>

#include "ci/kct/test_result.h"

namespace kct {

struct PlantedBug {
  std::string name;
  std::string clause;  // that has to be blamed
  std::string description;
};

// Lines "NAME CLAUSE DESCRIPTION", as a test binary prints them with --list-bugs. `where` names it
// in errors.
Result<std::vector<PlantedBug>> ParseBugs(const std::string& where, const std::string& text);

// One run of one test on the model.
struct Trial {
  std::string bug;  // planted; empty: none
  std::string test;
  Verdict verdict = Verdict::kLost;
  std::string skip_reason;
  std::vector<std::string> blamed;  // clauses

  bool Failed() const { return verdict == Verdict::kFail || verdict == Verdict::kHang; }
};

// What a test binary said with --events: verdict and blame. A process that said nothing is judged
// by its exit status.
Trial ReadTrial(const std::string& events, int exit_status);

// What the trials leave unproven, a line each: a test that does not pass on the model as it is, one
// that no bug breaks, a bug that nothing notices by its clause.
std::vector<std::string> FindGaps(const std::vector<PlantedBug>& bugs,
                                  const std::vector<Trial>& trials);

// Bug, clause and the tests that noticed, a bug a paragraph; the tests that were skipped, and why.
std::string ProofReport(const std::vector<PlantedBug>& bugs, const std::vector<Trial>& trials);

}  // namespace kct
