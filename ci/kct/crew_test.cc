// SPDX-License-Identifier: GPL-2.0-only
// Several runners at a time, on machines that let every test pass.
#include "ci/kct/crew.h"

#include <gmock/gmock.h>

#include <atomic>
#include <set>

#include "harness/base/clock.h"

namespace kct {
namespace {

using testing::UnorderedElementsAre;

// Says what `hears` returns to each command after the first line.
class WillingMachine : public Machine {
 public:
  explicit WillingMachine(std::function<Heard()> hears) : hears_(std::move(hears)) {}
  void Send(const std::string& command) override { id_ = std::stoull(command.substr(4)); }
  Heard Listen() override {
    if (id_ == 0) return *ParseMessage("U 7.3");
    Heard heard = hears_();
    if (auto* message = std::get_if<Message>(&heard)) message->id = id_;
    return heard;
  }
  std::filesystem::path folder() const override { return "/run/vm"; }

 private:
  const std::function<Heard()> hears_;
  uint64_t id_ = 0;
};

Heard Skip() { return *ParseMessage("X 0 77 0 5"); }

class Deaf : public Watcher {
 public:
  void Booting(Mode, Emulation, const std::string&) override {}
  void Starting(const Assignment&) override {}
  void StillRunning(const Assignment&) override {}
};

class Crews : public testing::Test {
 protected:
  Crew Make(unsigned runners, std::function<Heard()> hears) {
    return Crew(
        [this, hears](Mode, Emulation) -> Result<std::unique_ptr<Machine>> {
          ++boots_;
          return std::unique_ptr<Machine>(new WillingMachine(hears));
        },
        {}, watcher_, runners);
  }
  static std::vector<Assignment> Some(int count) {
    std::vector<Assignment> some(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) some[static_cast<std::size_t>(i)].test.name = std::to_string(i);
    return some;
  }
  Crew::Take Collect() {
    return [this](const TestResult& result) -> std::optional<Stop> {
      names_.insert(result.assignment.test.name);
      return std::nullopt;
    };
  }

  std::atomic<int> boots_ = 0;
  std::multiset<std::string> names_;
  Deaf watcher_;
};

TEST_F(Crews, DoEverythingOnce) {
  Crew crew = Make(3, Skip);
  EXPECT_FALSE(crew.Run(Some(4), Collect()).has_value());
  EXPECT_THAT(names_, UnorderedElementsAre("0", "1", "2", "3"));
  EXPECT_EQ(crew.release(), "7.3");
}

TEST_F(Crews, BootNoMoreMachinesThanThereIsWorkFor) {
  Crew crew = Make(8, Skip);
  EXPECT_FALSE(crew.Run(Some(1), Collect()).has_value());
  EXPECT_EQ(boots_, 1);
}

// Each of two tests ends only once both have begun.
TEST_F(Crews, WorkAtTheSameTime) {
  std::atomic<int> begun = 0;
  Crew crew = Make(2, [&] {
    ++begun;
    const bool met = WaitUntil([&] { return begun >= 2; }, Clock::now() + 30s);
    return met ? Skip() : Heard(MachineEnded{MachineEnded::Cause::kOurs, "alone"});
  });
  EXPECT_FALSE(crew.Run(Some(2), Collect()).has_value());
  EXPECT_EQ(names_.size(), 2u);
}

TEST_F(Crews, StopForTheFirstReasonAndKeepWhatIsDone) {
  std::atomic<int> asked = 0;
  Crew crew = Make(1, [&] { return ++asked < 3 ? Skip() : Heard(Interrupted{}); });
  const std::optional<Stop> stop = crew.Run(Some(10), Collect());
  ASSERT_TRUE(stop.has_value());
  EXPECT_EQ(stop->exit, Exit::kInterrupted);
  EXPECT_THAT(names_, UnorderedElementsAre("0", "1"));
}

TEST_F(Crews, StopWhereAResultCantBeKept) {
  Crew crew = Make(2, Skip);
  int taken = 0;
  const std::optional<Stop> stop =
      crew.Run(Some(10'000), [&](const TestResult&) -> std::optional<Stop> {
        ++taken;
        return Stop{Exit::kMachine, "disk full"};
      });
  ASSERT_TRUE(stop.has_value());
  EXPECT_EQ(stop->message, "disk full");
  EXPECT_LT(taken, 10'000);
}

}  // namespace
}  // namespace kct
