// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/watchdog.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "harness/base/patience.h"
#include "harness/base/unique_fd.h"
#include "harness/liveness/symbols.h"

namespace kct {
namespace {

using testing::ExitedWithCode;

constexpr int kStalled = 98;

void PrintAndExit(const Stall& stall) {
  fprintf(stderr, "%s", stall.ToString().c_str());
  _exit(kStalled);
}

// A program whose call never comes back, or comes back in time, under a watchdog that prints the
// stall and ends it.
[[noreturn]] void RunWatched(Duration budget, void (*call)()) {
  const Watchdog watchdog(PrintAndExit);
  NameThisThread("sleeper");
  const ScopedBudget scoped(budget);
  {
    const InFlight in_flight("a call that waits");
    call();
  }
  _exit(0);
}

TEST(WatchdogDeathTest, ReportsACallThatNeverComesBack) {
  EXPECT_EXIT(RunWatched(200ms, [] { pause(); }), ExitedWithCode(kStalled),
              "sleeper .*a call that waits");
}

TEST(WatchdogDeathTest, TellsWhetherASignalBroughtItBack) {
  EXPECT_EXIT(RunWatched(200ms, [] { pause(); }), ExitedWithCode(kStalled),
              "After a signal sleeper came back");
}

// Every ioctl waits for a signal.
class Stuck final : public Backend {
  RawAnswer Ioctl(int, unsigned long, uintptr_t) override {
    pause();
    return {-1, Errno(EINTR)};
  }
};

TEST(WatchdogDeathTest, AsksForTheRegistersOfARunThatCameBack) {
  EXPECT_EXIT(
      {
        const Watchdog watchdog(PrintAndExit);
        const ScopedBudget budget(200ms);
        const UniqueFd no_vcpu(open("/dev/null", O_RDONLY | O_CLOEXEC));
        Stuck stuck;
        WatchedBackend(stuck).Ioctl(no_vcpu.get(), KVM_RUN, 0);
      },
      ExitedWithCode(kStalled), "its guest.*\n.*KVM_GET_REGS: ENOTTY");
}

void TakeAThirdOfASecond() {
  const Instant end = Clock::now() + 300ms;
  WaitUntil([&] { return Clock::now() > end; }, end + 1s);
}

TEST(WatchdogDeathTest, LetsACallTakeItsBudget) {
  EXPECT_EXIT(RunWatched(60s, TakeAThirdOfASecond), ExitedWithCode(0), "");
}

TEST(WatchdogDeathTest, GivesEachCallMoreTimeOnASlowMachine) {
  EXPECT_EXIT(
      {
        SetSlowness(600);
        RunWatched(100ms, TakeAThirdOfASecond);
      },
      ExitedWithCode(0), "");
  // Else the tenth of a second is all. How soon the end of that is noticed is the machine's affair.
  EXPECT_EXIT(RunWatched(100ms, [] { pause(); }), ExitedWithCode(kStalled), "");
}

TEST(WatchdogDeathTest, CountsEachCallOnItsOwn) {
  EXPECT_EXIT(
      {
        const Watchdog watchdog([](const Stall&) { _exit(kStalled); });
        const ScopedBudget budget(400ms);
        const Instant end = Clock::now() + 1s;
        while (Clock::now() < end) const InFlight in_flight("one of many short calls");
        _exit(0);
      },
      ExitedWithCode(0), "");
}

TEST(Symbols, NameTheFunctionsOfThisProgram) {
  const Symbols symbols = Symbols::OfThisProgram();
  EXPECT_THAT(symbols.NameOf(reinterpret_cast<const void*>(&NameThisThread)),
              testing::StartsWith("kct::NameThisThread("));
  EXPECT_EQ(symbols.NameOf(reinterpret_cast<const void*>(8)), "0x8");
}

}  // namespace
}  // namespace kct
