// SPDX-License-Identifier: GPL-2.0-only
// The whole of kct with a real kernel in a VM, and test programs that behave badly.
//
// The kernel is Debian's newest; KCT_SELFTEST_KERNEL holds other arguments of kct run for it, such
// as "--kernel debian:6.12".
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "ci/kct/exit_status.h"
#include "ci/vm/files.h"
#include "harness/base/clock.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

using testing::HasSubstr;

class Whole : public testing::Test {
 protected:
  Whole() {
    std::string pattern = testing::TempDir() + "/kct-selftest-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~Whole() override {
    if (pid_ > 0) kill(pid_, SIGKILL);
    if (!HasFailure()) std::filesystem::remove_all(folder_);
  }

  void Start(const std::string& filter) {
    const char* kernel = std::getenv("KCT_SELFTEST_KERNEL");
    std::istringstream words(fmt::format("{} run --programs {} --filter {} {}", KCT_PROGRAM,
                                         KCT_TINY_FOLDER, filter, kernel ? kernel : ""));
    std::vector<std::string> arguments{std::istream_iterator<std::string>(words), {}};
    arguments.insert(arguments.end(), {"--out", folder_ / "run"});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    const int out = open((folder_ / "out.txt").c_str(), O_WRONLY | O_CREAT, 0644);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  // Looks at `condition` ten times a second, and whenever kct ends. False: it took too long.
  template <typename Condition>
  bool Eventually(Condition&& condition) {
    const UniqueFd kct(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    const Instant deadline = Clock::now() + 240s;
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      pollfd ended{.fd = kct.get(), .events = POLLIN, .revents = 0};
      poll(&ended, 1, 100);
    }
    return true;
  }
  Exit Await() {
    int status = 0;
    EXPECT_TRUE(Eventually([&] { return waitpid(pid_, &status, WNOHANG) == pid_; })) << Output();
    pid_ = -1;
    return Exit{WEXITSTATUS(status)};
  }
  // Tiny.Waits is running in the first VM.
  void AwaitTheWaiter() {
    ASSERT_TRUE(Eventually([&] {
      const auto log = ReadFile(folder_ / "run/vm-1-npt/kernel.log");
      return log && log.value().find("tiny_test waits") != std::string::npos;
    })) << Output();
  }
  pid_t Emulator() {
    // It is the child of whichever thread booted it.
    std::error_code gone;
    const std::string tasks = fmt::format("/proc/{}/task", pid_);
    for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
      const auto children = ReadFile(task.path() / "children");
      if (children && !children.value().empty()) return std::stoi(children.value());
    }
    return -1;
  }
  std::string Output() { return ReadFile(folder_ / "out.txt").value(); }
  // By the name of the test.
  std::map<std::string, nlohmann::json> Results() {
    std::map<std::string, nlohmann::json> results;
    const auto text = ReadFile(folder_ / "run/run.json");
    if (!text) return results;
    const auto run = nlohmann::json::parse(text.value());
    for (const auto& result : run.at("results")) {
      results[result.at("test")] = result;
    }
    return results;
  }

  std::filesystem::path folder_;
  pid_t pid_ = -1;
};

TEST_F(Whole, RunTellsEachTestsVerdictWhateverTheOthersDid) {
  Start("Tiny.*-Tiny.Waits");
  EXPECT_EQ(Await(), Exit::kKernelDied) << Output();
  auto results = Results();
  const std::pair<const char*, const char*> expected[] = {{"Tiny.FindsKvm", "pass"},
                                                          {"Tiny.Fails", "fail"},
                                                          {"Tiny.Crashes", "lost"},
                                                          {"Tiny.IsNoisy", "pass"},
                                                          {"Tiny.MakesTheKernelWarn", "fail"},
                                                          {"Tiny.KillsTheKernel", "kernel-died"}};
  for (const auto& [test, verdict] : expected) {
    EXPECT_EQ(results[test].value("verdict", "none"), verdict) << test;
  }
  EXPECT_THAT(results["Tiny.KillsTheKernel"].dump(), HasSubstr("Kernel panic"));
  EXPECT_THAT(Output(), HasSubstr("--filter Tiny.Fails"));
}

TEST_F(Whole, RunGoesOnWhenTheEmulatorIsKilled) {
  Start("Tiny.Waits:Tiny.FindsKvm");
  AwaitTheWaiter();
  const pid_t emulator = Emulator();
  ASSERT_GT(emulator, 0);  // -1 would be everybody
  kill(emulator, SIGKILL);
  EXPECT_EQ(Await(), Exit::kFindings) << Output();
  auto results = Results();
  EXPECT_EQ(results["Tiny.FindsKvm"].value("verdict", "none"), "pass");
  EXPECT_EQ(results["Tiny.Waits"].value("verdict", "none"), "lost");
}

TEST_F(Whole, RunThatIsInterruptedTellsWhatItHasAndLeavesNothing) {
  Start("Tiny.Waits:Tiny.FindsKvm");
  AwaitTheWaiter();
  const pid_t emulator = Emulator();
  kill(pid_, SIGINT);
  EXPECT_EQ(Await(), Exit::kInterrupted) << Output();
  EXPECT_THAT(Output(), HasSubstr("PASS"));
  EXPECT_EQ(kill(emulator, 0), -1);
}

TEST_F(Whole, RunThatIsKilledTakesTheEmulatorWithIt) {
  Start("Tiny.Waits");
  AwaitTheWaiter();
  const pid_t emulator = Emulator();
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  // A zombie is as good as gone: only its new parent can do more.
  EXPECT_TRUE(WaitUntil(
      [&] {
        const auto stat = ReadFile(fmt::format("/proc/{}/stat", emulator));
        return !stat || stat.value().find(") Z ") != std::string::npos;
      },
      Clock::now() + 10s));
}

}  // namespace
}  // namespace kct
