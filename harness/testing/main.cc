// SPDX-License-Identifier: GPL-2.0-only
// The main program of every suite: flags, the watchdog, the kernel log guard, verdicts.
#include <gtest/gtest.h>

#include <charconv>
#include <cstdio>
#include <optional>

#include "harness/abi/taped_backend.h"
#include "harness/base/patience.h"
#include "harness/base/verdict.h"
#include "harness/liveness/kernel_log.h"
#include "harness/liveness/watchdog.h"
#include "harness/record/facts.h"
#include "harness/testing/histories.h"
#include "harness/testing/lies.h"
#include "harness/testing/model_target.h"
#include "harness/testing/registry.h"
#include "harness/testing/report.h"

namespace kct {
namespace {

constexpr int kBadUsage = 2;
constexpr std::size_t kComplaintLines = 60;

struct Flags {
  uint64_t seed = 1;
  int events_fd = -1;
  std::string_view lie;
  bool judge = false;
  unsigned slowness = 1;
  std::string_view ctest_runner;
  enum class Target { kKernel, kModel } target = Target::kKernel;
  model::Planted planted;
  enum class Action { kRun, kListJson, kListCTest, kListLies, kListBugs } action = Action::kRun;
};

template <typename T>
bool ParseNumber(std::string_view text, T& number) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, hex ? 16 : 10);
  return error == std::errc() && end == text.data() + text.size();
}

// The value of `--name=value`, if `argument` is that.
std::optional<std::string_view> ValueOf(std::string_view argument, std::string_view name) {
  if (!argument.starts_with(name) || argument.substr(name.size(), 1) != "=") return std::nullopt;
  return argument.substr(name.size() + 1);
}

Result<Flags> ParseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--list-json") {
      flags.action = Flags::Action::kListJson;
    } else if (argument == "--judge") {
      flags.judge = true;
    } else if (argument == "--list-lies") {
      flags.action = Flags::Action::kListLies;
    } else if (argument == "--list-bugs") {
      flags.action = Flags::Action::kListBugs;
    } else if (auto target = ValueOf(argument, "--target")) {
      if (*target != "kernel" && *target != "model") {
        return MakeError("--target={}: expected kernel or model", *target);
      }
      flags.target = *target == "model" ? Flags::Target::kModel : Flags::Target::kKernel;
    } else if (auto bug = ValueOf(argument, "--plant")) {
      const std::optional<model::Planted> planted = model::FindPlantedBug(*bug);
      if (!planted) return MakeError("--plant={}: no such bug; --list-bugs shows them", *bug);
      flags.planted = *planted;
    } else if (auto runner = ValueOf(argument, "--list-ctest")) {
      flags.action = Flags::Action::kListCTest;
      flags.ctest_runner = *runner;
    } else if (auto seed = ValueOf(argument, "--seed")) {
      if (!ParseNumber(*seed, flags.seed)) {
        return MakeError("--seed={}: expected a number, decimal or 0x…", *seed);
      }
    } else if (auto fd = ValueOf(argument, "--events")) {
      if (!ParseNumber(*fd, flags.events_fd)) {
        return MakeError("--events={}: expected a file descriptor", *fd);
      }
    } else if (auto slowness = ValueOf(argument, "--slowness")) {
      if (!ParseNumber(*slowness, flags.slowness) || flags.slowness == 0) {
        return MakeError("--slowness={}: expected a number from 1 on", *slowness);
      }
    } else if (auto lie = ValueOf(argument, "--lie")) {
      flags.lie = *lie;
    } else {
      return MakeError(
          "{}: unknown; expected --seed=N, --events=FD, --lie=NAME, --target=kernel|model, "
          "--plant=BUG, --slowness=N, --judge, --list-json, --list-lies, --list-bugs, "
          "--list-ctest=RUNNER or a "
          "flag of GoogleTest",
          argument);
    }
  }
  const bool plants = flags.planted != model::Planted();
  if (plants && flags.target != Flags::Target::kModel) {
    return MakeError("--plant: bugs can be planted in the model only: --target=model");
  }
  return flags;
}

// Turns what GoogleTest says into verdicts, and watches the kernel log between begin and end.
class VerdictListener : public testing::EmptyTestEventListener {
 public:
  // `model`: what the tests run on; nullptr: the kernel.
  // `target`: answers the ioctls by which the machine says what it is.
  VerdictListener(uint64_t seed, ModelTarget* model, Backend& target)
      : seed_(seed), model_(model), target_(target), log_(WatchedLog(model)) {}

  Verdict worst() const { return worst_; }

 private:
  // The model writes none: what this machine's kernel says has nothing to do with it.
  static Result<KernelLog> WatchedLog(const ModelTarget* model) {
    if (model != nullptr) return MakeError("the model has no log");
    return KernelLog::FromNow();
  }

  void OnTestStart(const testing::TestInfo& info) override {
    const TestEntry* entry = FindTest(info.test_suite_name(), info.name());
    KCT_CHECK(entry != nullptr);  // every test is a KCT_TEST
    if (model_ != nullptr) model_->BeginTest(*entry);
    KeepHistories(FactsOf(target_));
    BeginTest(entry->FullName(), entry->clauses, seed_);
    if (log_) log_->NewLines();
  }

  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const std::string_view file = result.file_name() != nullptr ? result.file_name() : "";
    ReportFailure(RepositoryPath(file), result.line_number(), result.message());
  }

  void OnTestEnd(const testing::TestInfo&) override {
    if (log_) {
      const std::vector<std::string> complaints = Complaints(log_->NewLines(), kComplaintLines);
      if (!complaints.empty()) ReportKernelLog(complaints);
    } else if (model_ == nullptr) {
      Note("the kernel log was not watched: " + log_.error().message);
    }
    worst_ = Worse(worst_, EndTest());
  }

  uint64_t seed_;
  ModelTarget* model_;
  Backend& target_;
  Result<KernelLog> log_;
  Verdict worst_ = Verdict::kPass;
};

int RunTests(const Flags& flags) {
  ReportEventsTo(flags.events_fd);
  SetSlowness(flags.slowness);
  if (flags.judge) JudgeHistories();
  std::optional<ModelTarget> model;
  if (flags.target == Flags::Target::kModel) model.emplace(flags.planted);
  Backend& target = model ? model->backend() : KernelBackend();
  std::unique_ptr<Backend> liar;
  if (!flags.lie.empty()) {
    liar = MakeLiar(flags.lie, target);
    if (liar == nullptr) {
      std::fprintf(stderr, "--lie=%s: no such lie; --list-lies shows them\n",
                   std::string(flags.lie).c_str());
      return kBadUsage;
    }
  }
  TapedBackend taped(liar ? *liar : target);
  WatchedBackend watched(taped);
  SetBackend(watched);
  NameThisThread("main");
  Watchdog watchdog(ReportStallAndExit);
  auto* listener = new VerdictListener(flags.seed, model ? &*model : nullptr, target);
  testing::UnitTest::GetInstance()->listeners().Append(listener);
  const int status = RUN_ALL_TESTS();
  if (testing::UnitTest::GetInstance()->test_to_run_count() == 0) {
    std::fprintf(stderr, "--gtest_filter=%s matches no test\n",
                 testing::GTEST_FLAG(filter).c_str());
    return kBadUsage;
  }
  return status != 0 ? ExitStatus(Worse(listener->worst(), Verdict::kFail))
                     : ExitStatus(listener->worst());
}

int Main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const Result<Flags> parsed = ParseFlags(argc, argv);
  if (!parsed) {
    std::fprintf(stderr, "%s\n", parsed.error().message.c_str());
    return kBadUsage;
  }
  const Flags& flags = parsed.value();
  switch (flags.action) {
    case Flags::Action::kListJson:
      std::puts(ListAsJson(KCT_SUITE).c_str());
      return 0;
    case Flags::Action::kListCTest:
      std::fputs(ListAsCTest(KCT_SUITE, flags.ctest_runner).c_str(), stdout);
      return 0;
    case Flags::Action::kListLies:
      for (const Lie& lie : AllLies()) {
        std::printf("%-28.*s %.*s\n", static_cast<int>(lie.name.size()), lie.name.data(),
                    static_cast<int>(lie.description.size()), lie.description.data());
      }
      return 0;
    case Flags::Action::kListBugs:
      std::fputs(ListOfBugs().c_str(), stdout);
      return 0;
    case Flags::Action::kRun:
      return RunTests(flags);
  }
  return 0;
}

}  // namespace
}  // namespace kct

int main(int argc, char** argv) { return kct::Main(argc, argv); }
