// SPDX-License-Identifier: GPL-2.0-only
// Recorder: turns what a machine says while a test runs into a TestResult.
#pragma once

#include "ci/kct/test_result.h"
#include "ci/vm/machine.h"

namespace kct {

class Recorder {
 public:
  explicit Recorder(const Assignment& assignment) { result_.assignment = assignment; }

  // True: that was the last message of the test.
  bool Hear(const Message& message);
  void MachineIsGone(const MachineEnded& end);

  // REQUIRES: Hear() said true, or MachineIsGone().
  TestResult Finish();

 private:
  void HearEvent(const std::string& line);
  void HearKernel(const Message& message);
  void HearEnd(const Message& message);

  TestResult result_;
  std::optional<Verdict> own_verdict_;  // what the process said
};

}  // namespace kct
