// SPDX-License-Identifier: GPL-2.0-only
// The scheduler against machines that are scripts.
#include "ci/kct/runner.h"

#include <gmock/gmock.h>

#include <deque>

#include "ci/kct/recorder.h"

namespace kct {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// What a machine says after each command; the first entry is said before any.
using Script = std::vector<std::vector<std::string>>;

constexpr const char* kPass = "E 0 {\"event\":\"end\",\"verdict\":\"pass\",\"seconds\":0.5}";

class ScriptedMachine : public Machine {
 public:
  ScriptedMachine(Script script, std::vector<std::string>& commands)
      : script_(std::move(script)), commands_(commands) {}

  void Send(const std::string& command) override {
    commands_.push_back(command);
    id_ = std::stoull(command.substr(4));
    ++step_;
    line_ = 0;
  }
  Heard Listen() override {
    if (step_ >= script_.size() || line_ >= script_[step_].size()) {
      return MachineEnded{MachineEnded::Cause::kKernelDied, "panicked"};
    }
    const std::string line = script_[step_][line_++];
    if (line == "interrupt") return Interrupted{};
    if (line == "killed") return MachineEnded{MachineEnded::Cause::kEmulator, "killed"};
    if (line == "disk full") return MachineEnded{MachineEnded::Cause::kOurs, "disk full"};
    Message message = *ParseMessage(line);
    if (message.id == 0) message.id = id_;  // scripts don't know their ids
    return message;
  }
  std::filesystem::path folder() const override { return "/run/vm"; }

 private:
  const Script script_;
  std::vector<std::string>& commands_;
  std::size_t step_ = 0;
  std::size_t line_ = 0;
  uint64_t id_ = 0;
};

class Silent : public Watcher {
 public:
  void Booting(Mode, Emulation emulation, const std::string& why) override {
    boots.push_back(emulation == Emulation::kSingle ? "single: " + why : why);
  }
  void Starting(const Assignment&) override {}
  void StillRunning(const Assignment&) override {}
  std::vector<std::string> boots;
};

class Runs : public testing::Test {
 protected:
  Runner Make(std::deque<Script> machines, RunnerOptions options = {}) {
    machines_ = std::move(machines);
    return Runner(
        [this](Mode, Emulation) -> Result<std::unique_ptr<Machine>> {
          if (machines_.empty()) return MakeError("no more machines");
          Script script = machines_.front();
          machines_.pop_front();
          return std::unique_ptr<Machine>(new ScriptedMachine(script, commands_));
        },
        options, watcher_);
  }
  static Assignment Of(const std::string& name, Mode mode = Mode::kNpt) {
    Assignment assignment;
    assignment.test.name = name;
    assignment.test.clauses = {"PREFAULT-01"};
    assignment.test.program = "/build/bin/suites/prefault_test";
    assignment.mode = mode;
    assignment.seed = 0x2a;
    return assignment;
  }
  static TestResult ResultOf(std::variant<TestResult, Stop> outcome) {
    if (const Stop* stop = std::get_if<Stop>(&outcome)) ADD_FAILURE() << stop->message;
    return std::holds_alternative<TestResult>(outcome) ? std::get<TestResult>(outcome)
                                                       : TestResult{};
  }

  std::deque<Script> machines_;
  std::vector<std::string> commands_;
  Silent watcher_;
};

TEST_F(Runs, OneTestAfterTheOtherOnOneMachine) {
  Runner runner = Make({{{"U 7.3"}, {"S 0", kPass, "X 0 0 0 600"}, {"X 0 77 0 5"}}});
  const TestResult first = ResultOf(runner.Run(Of("A.b")));
  EXPECT_EQ(first.verdict, Verdict::kPass);
  EXPECT_EQ(first.seconds, 0.5);
  EXPECT_EQ(ResultOf(runner.Run(Of("A.c"))).verdict, Verdict::kSkip);
  EXPECT_EQ(runner.release(), "7.3");
  EXPECT_THAT(
      commands_,
      ElementsAre("run 1 120 /bin/prefault_test --gtest_filter=A.b --seed=0x2a --events=3",
                  "run 2 120 /bin/prefault_test --gtest_filter=A.c --seed=0x2a --events=3"));
  EXPECT_THAT(watcher_.boots, ElementsAre(""));
}

constexpr const char* kFail = "E 0 {\"event\":\"end\",\"verdict\":\"fail\",\"seconds\":0.5}";

TEST_F(Runs, AFindingOfADeterministicMachineIsMadeTwice) {
  const std::vector<std::string> run = {"S 0", kFail, "X 0 1 0 600"};
  Runner runner = Make({{{"U 7.3"}, run, run}}, {.is_deterministic = true});
  const TestResult result = ResultOf(runner.Run(Of("A.b")));
  EXPECT_EQ(result.verdict, Verdict::kFail);
  EXPECT_THAT(result.notes, Contains(HasSubstr("the same, to the last bit")));
  ASSERT_EQ(commands_.size(), 2u);
  EXPECT_EQ(commands_[0], commands_[1]);
}

TEST_F(Runs, AFindingThatIsNotTheSameAgainIsAnErrorOfOurs) {
  const std::vector<std::string> run = {"S 0", "O 0 one", kFail, "X 0 1 0 600"};
  const std::vector<std::string> other = {"S 0", "O 0 two", kFail, "X 0 1 0 600"};
  Runner runner = Make({{{"U 7.3"}, run, other}}, {.is_deterministic = true});
  const auto outcome = runner.Run(Of("A.b"));
  const Stop* stop = std::get_if<Stop>(&outcome);
  ASSERT_NE(stop, nullptr);
  EXPECT_EQ(stop->exit, Exit::kBug);
  EXPECT_THAT(stop->message, HasSubstr("A.b: not deterministic: line 1 of the output"));
}

TEST_F(Runs, WhatPassesOnADeterministicMachineRunsOnce) {
  Runner runner = Make({{{"U 7.3"}, {"S 0", kPass, "X 0 0 0 600"}}}, {.is_deterministic = true});
  EXPECT_EQ(ResultOf(runner.Run(Of("A.b"))).verdict, Verdict::kPass);
  EXPECT_EQ(commands_.size(), 1u);
}

TEST_F(Runs, EachModeOnAMachineOfItsOwn) {
  Runner runner = Make({{{"U 7.3"}, {"X 0 77 0 5"}}, {{"U 7.3"}, {"X 0 77 0 5"}}});
  ResultOf(runner.Run(Of("A.b", Mode::kNpt)));
  ResultOf(runner.Run(Of("A.b", Mode::kShadow)));
  EXPECT_TRUE(machines_.empty());
}

TEST_F(Runs, GoOnWithAFreshMachineWhenAProcessCantBeEnded) {
  Runner runner = Make({{{"U 7.3"}, {"Z 0 still there"}}, {{"U 7.3"}, {kPass, "X 0 0 0 5"}}});
  const TestResult stuck = ResultOf(runner.Run(Of("A.b")));
  EXPECT_EQ(stuck.verdict, Verdict::kLost);
  EXPECT_THAT(stuck.account, HasSubstr("still there"));
  EXPECT_EQ(ResultOf(runner.Run(Of("A.c"))).verdict, Verdict::kPass);
  EXPECT_THAT(watcher_.boots, ElementsAre("", "lost of A.b"));
}

TEST_F(Runs, GoOnWithAFreshMachineAfterAHangThatHoldsTheKernel) {
  const char* hang = "E 0 {\"event\":\"hang\",\"clause\":\"PREFAULT-36\",\"released\":false}";
  Runner runner = Make({{{"U 7.3"}, {hang, "X 0 98 0 5"}}, {{"U 7.3"}, {"X 0 77 0 5"}}});
  EXPECT_EQ(ResultOf(runner.Run(Of("A.b"))).verdict, Verdict::kHang);
  ResultOf(runner.Run(Of("A.c")));
  EXPECT_TRUE(machines_.empty());
}

TEST_F(Runs, AKilledEmulatorCostsOneTestAndBlamesNoKernel) {
  Runner runner = Make({{{"U 7.3"}, {"S 0", "killed"}}, {{"U 7.3"}, {"X 0 77 0 5"}}});
  EXPECT_EQ(ResultOf(runner.Run(Of("A.b"))).verdict, Verdict::kLost);
  EXPECT_EQ(ResultOf(runner.Run(Of("A.c"))).verdict, Verdict::kSkip);
}

TEST_F(Runs, ADeathThatShowsAgainSingleThreadedCounts) {
  Runner runner = Make({{{"U 7.3"}, {"S 0"}}, {{"U 7.3"}, {"S 0"}}});
  const TestResult result = ResultOf(runner.Run(Of("A.b")));
  EXPECT_EQ(result.verdict, Verdict::kKernelDied);
  EXPECT_THAT(result.notes, Contains(HasSubstr("confirmed")));
  EXPECT_THAT(watcher_.boots, Contains(HasSubstr("single: ")));
}

TEST_F(Runs, AWarningThatDoesNotShowAgainIsKeptAsInconclusive) {
  const Script warns{{"U 7.3"}, {"K 5 4 WARNING: x", kPass, "X 0 0 0 5"}};
  Runner runner = Make({warns, {{"U 7.3"}, {kPass, "X 0 0 0 5"}}});
  const TestResult result = ResultOf(runner.Run(Of("A.b")));
  EXPECT_EQ(result.verdict, Verdict::kInconclusive);
  EXPECT_THAT(result.inconclusive, Contains(HasSubstr("emulator artefact")));
  EXPECT_THAT(result.complaints, ElementsAre("WARNING: x"));
}

constexpr const char* kDerailed =
    "E 0 {\"event\":\"hang\",\"clause\":\"PREFAULT-01\",\"released\":true,\"derailed\":true}";

TEST_F(Runs, AGuestOffItsProgramHasTheTestRepeatedAndTheRepetitionCounts) {
  Runner runner = Make({{{"U 7.3"}, {kDerailed, "X 0 98 0 5"}}, {{"U 7.3"}, {kPass, "X 0 0 0 5"}}});
  const TestResult result = ResultOf(runner.Run(Of("A.b")));
  EXPECT_EQ(result.verdict, Verdict::kPass);
  EXPECT_THAT(result.emulator_artefact, HasSubstr("hang of A.b: a guest ran off its program"));
}

TEST_F(Runs, AStrayInt3AndAMachineGoneSilentAreTheEmulators) {
  const Script stumbles{{"U 7.3"}, {"K 5 4 Oops: int3: 0000 [#1]", "S 0"}};
  const Script fine{{"U 7.3"}, {kPass, "X 0 0 0 5"}};
  Runner runner = Make({stumbles, fine, {{"U 7.3"}, {"S 0"}}, fine});
  const TestResult int3 = ResultOf(runner.Run(Of("A.b")));
  EXPECT_EQ(int3.verdict, Verdict::kPass);
  EXPECT_THAT(int3.emulator_artefact, HasSubstr("int3"));
  const TestResult silent = ResultOf(runner.Run(Of("A.c")));
  EXPECT_EQ(silent.verdict, Verdict::kPass);
  EXPECT_THAT(silent.emulator_artefact, HasSubstr("panicked"));
}

TEST_F(Runs, AGuestOffItsProgramSingleThreadedAsWellIsAFinding) {
  const Script derails{{"U 7.3"}, {kDerailed, "X 0 98 0 5"}};
  Runner runner = Make({derails, derails});
  const TestResult result = ResultOf(runner.Run(Of("A.b")));
  EXPECT_EQ(result.verdict, Verdict::kHang);
  EXPECT_EQ(result.emulator_artefact, "");
  EXPECT_THAT(result.notes, Contains(HasSubstr("confirmed")));
}

TEST_F(Runs, SingleThreadedEmulationNeedsNoConfirmation) {
  RunnerOptions options;
  options.emulation = Emulation::kSingle;
  Runner runner = Make({{{"U 7.3"}, {"K 5 4 WARNING: x", kPass, "X 0 0 0 5"}}}, options);
  EXPECT_EQ(ResultOf(runner.Run(Of("A.b"))).verdict, Verdict::kFail);
}

TEST_F(Runs, ASlowKernelGetsMoreTime) {
  RunnerOptions options;
  options.slowness = 3;
  Runner runner = Make({{{"U 7.3"}, {kPass, "X 0 0 0 5"}}}, options);
  EXPECT_EQ(ResultOf(runner.Run(Of("A.b"))).verdict, Verdict::kPass);
  EXPECT_THAT(commands_, ElementsAre(AllOf(HasSubstr("run 1 360 "), HasSubstr(" --slowness=3"))));
}

TEST_F(Runs, AFailureWithEvidenceOfItsOwnNeedsNoConfirmation) {
  const char* failure = "E 0 {\"event\":\"failure\",\"clauses\":[\"PREFAULT-01\"]}";
  Runner runner = Make({{{"U 7.3"}, {failure, "K 5 4 WARNING: x", "X 0 1 0 5"}}});
  EXPECT_EQ(ResultOf(runner.Run(Of("A.b"))).verdict, Verdict::kFail);
}

Exit StopOf(const std::variant<TestResult, Stop>& outcome) {
  return std::holds_alternative<Stop>(outcome) ? std::get<Stop>(outcome).exit : Exit::kBug;
}

TEST_F(Runs, StopWhereTheKernelHasNoKvm) {
  Runner runner = Make({{{"B no /dev/kvm: ENOENT", "U 7.3"}}});
  EXPECT_EQ(StopOf(runner.Run(Of("A.b"))), Exit::kUsage);
}

TEST_F(Runs, TryABootTwiceAndStop) {
  Runner runner = Make({{{}}, {{}}});
  EXPECT_EQ(StopOf(runner.Run(Of("A.b"))), Exit::kKernelDied);
  EXPECT_TRUE(machines_.empty());
}

TEST_F(Runs, StopWhenTheUserWantsTo) {
  Runner runner = Make({{{"U 7.3"}, {"S 0", "interrupt"}}});
  EXPECT_EQ(StopOf(runner.Run(Of("A.b"))), Exit::kInterrupted);
}

TEST_F(Runs, StopWhenTheDiskIsFull) {
  Runner runner = Make({{{"U 7.3"}, {"S 0", "disk full"}}});
  EXPECT_EQ(StopOf(runner.Run(Of("A.b"))), Exit::kMachine);
}

TestResult Record(const std::vector<std::string>& lines) {
  Recorder recorder({});
  for (const std::string& line : lines) recorder.Hear(*ParseMessage(line));
  return recorder.Finish();
}

TEST(Recorder, DoesNotTakeAnEarlyExitForAPass) {
  EXPECT_EQ(Record({"X 1 0 0 5"}).verdict, Verdict::kLost);
}

TEST(Recorder, TakesTheWorseOfWordAndExitStatus) {
  const std::string pass = "E 1 {\"event\":\"end\",\"verdict\":\"pass\"}";
  EXPECT_EQ(Record({pass, "X 1 1 0 5"}).verdict, Verdict::kFail);
  EXPECT_EQ(Record({pass, "X 1 0 11 5"}).verdict, Verdict::kLost);
  EXPECT_EQ(Record({"E 1 {\"event\":\"end\",\"verdict\":\"hang\"}", "X 1 0 0 5"}).verdict,
            Verdict::kHang);
}

TEST(Recorder, KeepsEventsThatItCantRead) {
  const TestResult result =
      Record({"E 1 {\"event\":\"race\",\"rounds\":\"many\"}", "E 1 {cut off", "X 1 77 0 5"});
  EXPECT_EQ(result.verdict, Verdict::kSkip);
  EXPECT_EQ(result.notes.size(), 2u);
  EXPECT_THAT(result.events, HasSubstr("{cut off\n"));
}

}  // namespace
}  // namespace kct
