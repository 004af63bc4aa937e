// SPDX-License-Identifier: GPL-2.0-only
// guest_selfcheck: one line for each check; exit status 0 if all hold, else 1.
#include <cstdio>

#include "harness/guest/selfcheck/selfcheck.h"

namespace kct::selfcheck {
namespace {

// Runs each check, prints what became of it; how many failed.
int RunAll(std::span<const Check> checks) {
  int failed = 0;
  for (const Check& check : checks) {
    const Instant begin = Clock::now();
    const Status status = check.run();
    fmt::print("{:4} {} ({:.3f} s){}{}\n", status ? "ok" : "FAIL", check.claim,
               Seconds(Clock::now() - begin), status ? "" : ": ",
               status ? "" : status.error().message);
    std::fflush(stdout);
    failed += status ? 0 : 1;
  }
  return failed;
}

}  // namespace
}  // namespace kct::selfcheck

int main() {
  using namespace kct::selfcheck;
  const int failed = RunAll(MemoryChecks()) + RunAll(RunningChecks()) + RunAll(ExitChecks());
  fmt::print("{} failed\n", failed);
  return failed == 0 ? 0 : 1;
}
