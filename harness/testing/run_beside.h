// SPDX-License-Identifier: GPL-2.0-only
// RunBeside: a guest that runs while the test goes on.
#pragma once

#include <optional>

#include "harness/guest/cpu.h"
#include "harness/liveness/in_flight.h"
#include "harness/race/actor.h"

namespace kct {

// One KVM_RUN of a guest on a thread of its own. Declare it before what its guest waits for, so
// that it comes back in the end, whatever becomes of the test.
class RunBeside {
 public:
  explicit RunBeside(GuestCpu& cpu) : cpu_(cpu) {}
  // With a budget of its own for each KVM_RUN.
  RunBeside(GuestCpu& cpu, Duration budget) : cpu_(cpu), budget_(budget) {}

  void Start() {
    run_.Start([this] {
      std::optional<ScopedBudget> budget;
      if (budget_) budget.emplace(*budget_);
      return (exit_ = cpu_.Run()).call.Record();
    });
  }
  GuestExit Finish() {
    run_.Finish();
    return exit_;
  }
  bool FinishesBy(Instant deadline) { return run_.FinishBy(deadline).has_value(); }
  const Actor& actor() const { return run_; }

 private:
  GuestCpu& cpu_;
  std::optional<Duration> budget_;
  GuestExit exit_;
  Actor run_{"run"};
};

}  // namespace kct
