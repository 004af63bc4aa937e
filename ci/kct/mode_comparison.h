// SPDX-License-Identifier: GPL-2.0-only
// ModeComparison: for tests about what is the same in both paging modes, which say in each what
// their guests saw (the event "view" of docs/design/protocol.md), but can't judge it alone.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "ci/kct/test_result.h"

namespace kct {

class ModeComparison {
 public:
  // Keeps what a test's first mode showed. Judges a pass in the second one by it: a failure at the
  // first difference, with what each saw; inconclusive if there is nothing to compare with.
  // Other results, and those of other tests, come back as they are.
  TestResult Judge(TestResult result);
  // Of all results of a run that has ended: a pass whose other mode never came is inconclusive.
  void Close(std::vector<TestResult>& results) const;

 private:
  struct First {
    Mode mode;
    Verdict verdict;
    std::vector<ReportedView> views;
  };
  std::map<std::pair<std::string, unsigned>, First> firsts_;  // by test and repeat
};

}  // namespace kct
