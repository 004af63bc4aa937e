// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/runner.h"

#include <fstream>

#include "ci/kct/kernel_complaint.h"
#include "ci/kct/recorder.h"
#include "ci/vm/line_splitter.h"

namespace kct {
namespace {

// PID 1 says within seconds of a test's limit how it ended. If it doesn't, it is lost as well.
constexpr Duration kPid1Slack = 30s;

std::string WhySpent(const TestResult& result) {
  return fmt::format("{} of {}", Name(result.verdict), result.assignment.test.name);
}

std::string WhatDisturbed(const TestResult& result) {
  if (!result.hangs.empty()) return "a guest ran off its program";
  return result.complaints.empty() ? result.account : result.complaints[0];
}

// A dying kernel gets nothing through PID 1 any more, but its console had it.
std::vector<std::string> LastWords(const std::filesystem::path& folder) {
  std::vector<std::string> words;
  std::ifstream console(folder / "console.log");
  for (std::string line; std::getline(console, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (IsKernelComplaint(line)) words.push_back(Printable(line));
  }
  return words;
}

// Waits for the first line of a machine. Nothing: it is up.
std::optional<Stop> AwaitUp(Machine& machine, std::string& release) {
  for (;;) {
    const Heard heard = machine.Listen();
    if (std::holds_alternative<Interrupted>(heard)) return Stop{Exit::kInterrupted, "interrupted"};
    if (const auto* end = std::get_if<MachineEnded>(&heard)) {
      const bool died = end->cause == MachineEnded::Cause::kKernelDied;
      return Stop{died ? Exit::kKernelDied : Exit::kMachine,
                  fmt::format("the VM didn't come up: {} (see {})", end->why,
                              (machine.folder() / "console.log").string())};
    }
    const Message& message = std::get<Message>(heard);
    if (message.kind == Message::Kind::kBroken) {
      return Stop{Exit::kUsage, fmt::format("no KVM in this kernel: {}", message.text)};
    }
    if (message.kind == Message::Kind::kUp) {
      release = message.text;
      return std::nullopt;
    }
  }
}

}  // namespace

Runner::Booted Runner::BootUp(Mode mode, Emulation emulation) {
  watcher_.Booting(mode, emulation, spent_because_[mode]);
  // An emulated boot now and then dies of the emulator; two in a row don't.
  for (int attempt = 1;; ++attempt) {
    Result<std::unique_ptr<Machine>> machine = boot_(mode, emulation);
    if (!machine) return Stop{Exit::kMachine, machine.error().message};
    const std::optional<Stop> stop = AwaitUp(**machine, release_);
    if (!stop) return std::move(machine).value();
    if (stop->exit != Exit::kKernelDied || attempt == 2) return *stop;
    watcher_.Booting(mode, emulation, "second attempt: " + stop->message);
  }
}

std::optional<Stop> Runner::Prepare(Mode mode) {
  std::unique_ptr<Machine>& machine = machines_[mode];
  if (machine) return std::nullopt;
  Booted booted = BootUp(mode, options_.emulation);
  if (const Stop* stop = std::get_if<Stop>(&booted)) return *stop;
  machine = std::get<std::unique_ptr<Machine>>(std::move(booted));
  return std::nullopt;
}

void Runner::KeepOnly(Mode mode) {
  std::erase_if(machines_, [&](const auto& entry) { return entry.first != mode; });
}

std::variant<TestResult, Stop> Runner::Run(const Assignment& assignment) {
  if (std::optional<Stop> stop = Prepare(assignment.mode)) return *stop;
  watcher_.Starting(assignment);
  std::variant<TestResult, Stop> outcome = RunOn(*machines_[assignment.mode], assignment);
  auto* result = std::get_if<TestResult>(&outcome);
  if (result == nullptr) return outcome;
  if (result->machine_spent) {
    machines_.erase(assignment.mode);
    spent_because_[assignment.mode] = WhySpent(*result);
  }
  if (options_.emulation == Emulation::kMulti && options_.can_confirm &&
      (OnlyTheKernelComplained(*result) || LooksLikeTheEmulator(*result))) {
    return Confirm(std::move(*result));
  }
  if (options_.is_deterministic && IsBad(result->verdict)) return Compare(std::move(*result));
  return outcome;
}

// A finding is made once more. If it isn't the same then the machine is not what it should be, and
// nobody could replay the finding.
std::variant<TestResult, Stop> Runner::Compare(TestResult first) {
  const Mode mode = first.assignment.mode;
  if (std::optional<Stop> stop = Prepare(mode)) return *stop;
  std::variant<TestResult, Stop> outcome = RunOn(*machines_[mode], first.assignment);
  const auto* again = std::get_if<TestResult>(&outcome);
  if (again == nullptr) return outcome;
  if (const std::string difference = DifferenceOf(first, *again); !difference.empty()) {
    return Stop{
        Exit::kBug,
        fmt::format("{}: not deterministic: {} ({}, {})", first.assignment.test.name, difference,
                    first.machine_folder.string(), again->machine_folder.string())};
  }
  first.notes.push_back("made twice on a deterministic machine: the same, to the last bit");
  return first;
}

std::variant<TestResult, Stop> Runner::Confirm(TestResult seen) {
  const Mode mode = seen.assignment.mode;
  spent_because_[mode] = "is " + WhySpent(seen) + " the emulator's doing?";
  Booted booted = BootUp(mode, Emulation::kSingle);
  spent_because_[mode] = WhySpent(seen);
  if (const Stop* stop = std::get_if<Stop>(&booted)) return *stop;
  const auto machine = std::get<std::unique_ptr<Machine>>(std::move(booted));
  std::variant<TestResult, Stop> outcome = RunOn(*machine, seen.assignment);
  const auto* again = std::get_if<TestResult>(&outcome);
  if (again == nullptr) return outcome;
  const std::string where = fmt::format("single-threaded rerun: {}", machine->folder().string());
  if (OnlyTheKernelComplained(*again) || LooksLikeTheEmulator(*again)) {
    seen.notes.push_back("confirmed by a " + where);
    return seen;
  }
  if (IsBad(again->verdict)) {
    std::get<TestResult>(outcome).notes.push_back("at first: " + WhySpent(seen));
    return outcome;
  }
  if (LooksLikeTheEmulator(seen)) {
    std::get<TestResult>(outcome).emulator_artefact = fmt::format(
        "{}: {} ({})", WhySpent(seen), WhatDisturbed(seen), seen.machine_folder.string());
    return outcome;
  }
  seen.notes.push_back(fmt::format("first seen as {}: {}", Name(seen.verdict), seen.account));
  seen.verdict = Verdict::kInconclusive;
  seen.inconclusive.push_back(
      fmt::format("emulator artefact: {} in a {}", Name(again->verdict), where));
  return seen;
}

std::string Runner::CommandFor(const Assignment& assignment, uint64_t id) const {
  const std::filesystem::path& program = assignment.test.program;
  const std::string path = options_.test_folder.empty()
                               ? program.string()
                               : options_.test_folder + "/" + program.filename().string();
  std::string command =
      fmt::format("run {} {} {} --gtest_filter={} --seed={:#x} --events=3", id, TestLimit().count(),
                  path, assignment.test.name, assignment.seed);
  if (options_.slowness != 1) command += fmt::format(" --slowness={}", options_.slowness);
  if (!assignment.lie.empty()) command += " --lie=" + assignment.lie;
  return command;
}

std::variant<TestResult, Stop> Runner::RunOn(Machine& machine, const Assignment& assignment) {
  Recorder recorder(assignment);
  // A machine that is made anew for each command has to get the same command again.
  const uint64_t id = options_.is_deterministic ? 1 : next_id_++;
  machine.Send(CommandFor(assignment, id));
  const Instant start = Clock::now();
  // Such a machine's clock may take many seconds of ours for one of its own.
  const int slack = options_.is_deterministic ? 20 : 1;
  const Instant give_up = start + (TestLimit() + kPid1Slack) * slack;
  for (;;) {
    const Heard heard = machine.Listen();
    if (std::holds_alternative<Interrupted>(heard)) return Stop{Exit::kInterrupted, "interrupted"};
    if (const auto* end = std::get_if<MachineEnded>(&heard)) {
      if (end->cause == MachineEnded::Cause::kOurs) return Stop{Exit::kMachine, end->why};
      recorder.MachineIsGone(*end);
      break;
    }
    const Message& message = std::get<Message>(heard);
    if (message.kind == Message::Kind::kAlive) watcher_.StillRunning(assignment);
    if (message.id != 0 && message.id != id) continue;  // a late word of a test that is over
    if (recorder.Hear(message)) break;
    if (Clock::now() > give_up) {
      recorder.MachineIsGone(
          {MachineEnded::Cause::kKernelDied,
           "PID 1 lives but says nothing of the test that it should have ended"});
      break;
    }
  }
  TestResult result = recorder.Finish();
  result.machine_folder = machine.folder();
  // Nobody else told how long it ran.
  if (result.seconds == 0) result.seconds = Seconds(Clock::now() - start);
  if (result.verdict == Verdict::kKernelDied) {
    std::vector<std::string> words = LastWords(machine.folder());
    if (!words.empty()) result.complaints = std::move(words);
  }
  return result;
}

}  // namespace kct
