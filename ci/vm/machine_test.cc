// SPDX-License-Identifier: GPL-2.0-only
// LineMachine against programs that behave as QEMU or PID 1 would on a bad day, and against the
// real PID 1 in its --host mode.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdlib>

#include "ci/vm/files.h"
#include "ci/vm/line_machine.h"
#include "ci/vm/one_shot_machine.h"
#include "ci/vm/qemu.h"

namespace kct {
namespace {

using testing::Contains;
using testing::HasSubstr;
using Cause = MachineEnded::Cause;

class Machines : public testing::Test {
 protected:
  Machines() {
    std::string pattern = testing::TempDir() + "/kct-machine-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~Machines() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path Script(const std::string& body) {
    const std::filesystem::path path = folder_ / "script";
    EXPECT_TRUE(WriteFile(path, "#!/bin/sh\n" + body).ok());
    chmod(path.c_str(), 0755);
    return path;
  }
  std::unique_ptr<Machine> Start(const std::vector<std::string>& argv, Patience patience = {}) {
    Result<std::unique_ptr<Machine>> machine =
        LineMachine::Start(argv, folder_ / "vm", interrupt_, patience);
    return machine ? std::move(machine).value() : nullptr;
  }
  std::unique_ptr<Machine> PlayQemu(const std::string& body, Patience patience = {}) {
    return Start({Script(body)}, patience);
  }
  // All lines up to and with the end of command 1, as letters and texts.
  std::vector<std::string> HearJob(Machine& machine) {
    std::vector<std::string> lines;
    for (;;) {
      const Heard heard = machine.Listen();
      const Message* message = std::get_if<Message>(&heard);
      if (message == nullptr) return lines;
      using Kind = Message::Kind;
      if (message->id != 1) continue;
      lines.push_back(fmt::format("{} {}", static_cast<char>(message->kind), message->text));
      if (message->kind != Kind::kExited && message->kind != Kind::kStuck) continue;
      lines.back() += fmt::format("{} {}", message->status, message->signal);
      return lines;
    }
  }

  std::filesystem::path folder_;
  Interrupt interrupt_;
};

MachineEnded EndOf(Machine& machine) {
  for (;;) {
    const Heard heard = machine.Listen();
    if (const auto* end = std::get_if<MachineEnded>(&heard)) return *end;
  }
}

TEST_F(Machines, ThatRebootHaveADeadKernel) {
  const auto machine = PlayQemu("echo U 7.3; echo S 1; exit 0");
  EXPECT_EQ(std::get<Message>(machine->Listen()).text, "7.3");
  EXPECT_EQ(EndOf(*machine).cause, Cause::kKernelDied);
}

TEST_F(Machines, WhoseEmulatorIsKilledSayNothingAboutTheKernel) {
  const auto machine = PlayQemu("echo U 7.3; kill -9 $$");
  const MachineEnded end = EndOf(*machine);
  EXPECT_EQ(end.cause, Cause::kEmulator);
  EXPECT_EQ(end.why, "the emulator was killed by signal 9");
}

TEST_F(Machines, WhoseEmulatorRefusesSayWhy) {
  const auto machine = PlayQemu("echo first >&2; echo no such CPU >&2; exit 1");
  EXPECT_EQ(EndOf(*machine).why, "the emulator ended with status 1: no such CPU");
}

TEST_F(Machines, ThatNeverComeUpAreEnded) {
  const auto machine = PlayQemu("read forever", {.first_line = 200ms, .line = 10s});
  const MachineEnded end = EndOf(*machine);
  EXPECT_EQ(end.cause, Cause::kKernelDied);
  EXPECT_THAT(end.why, HasSubstr("didn't come up"));
}

TEST_F(Machines, ThatFallSilentAreEnded) {
  const auto machine = PlayQemu("echo U 7.3; read forever", {.first_line = 10s, .line = 200ms});
  EXPECT_THAT(EndOf(*machine).why, HasSubstr("silent"));
}

TEST_F(Machines, AreHeardThroughGarbage) {
  const auto machine = PlayQemu("printf 'SeaBIOS\\033[2J\\nU 7.3\\n\\377\\000\\nQ 1 2\\nO 1 x\\n'");
  EXPECT_EQ(std::get<Message>(machine->Listen()).text, "7.3");
  EXPECT_EQ(std::get<Message>(machine->Listen()).text, "x");
}

TEST_F(Machines, LeaveNoProcessBehind) {
  // A child that doesn't end of its own: not by the end of its input either.
  auto machine = PlayQemu("tail -f /dev/null & echo U $!; wait");
  const pid_t grandchild = std::stoi(std::get<Message>(machine->Listen()).text);
  ASSERT_EQ(kill(grandchild, 0), 0);
  machine.reset();
  // It is killed; until its new parent collects it, it is a zombie.
  EXPECT_TRUE(WaitUntil(
      [&] {
        const auto stat = ReadFile(fmt::format("/proc/{}/stat", grandchild));
        return !stat || stat.value().find(") Z ") != std::string::npos;
      },
      Clock::now() + 5s));
}

TEST_F(Machines, KeepTheKernelLogOnDisk) {
  const auto machine = PlayQemu("echo U 7.3; echo K 1500000 4 WARNING: x; exit 0");
  EndOf(*machine);
  EXPECT_EQ(ReadFile(folder_ / "vm/kernel.log").value(), "[    1.500000] <4> WARNING: x\n");
}

// PID 1 in its --host mode, with programs of this machine.
class Pid1 : public Machines {
 protected:
  std::vector<std::string> Run(const std::string& body, int seconds = 60) {
    Script(body);
    const auto machine = Start({KCT_INIT, "--host", folder_});
    if (machine == nullptr) return {"no PID 1"};
    machine->Send(fmt::format("run 1 {} ./script", seconds));
    return HearJob(*machine);
  }
};

TEST_F(Pid1, ForwardsOutputAndEventsAndTheEnd) {
  const auto lines = Run("echo out; echo err >&2; echo '{\"event\": 1}' >&3; exit 77");
  EXPECT_THAT(lines,
              testing::UnorderedElementsAre("S ", "O out", "O err", "E {\"event\": 1}", "X 77 0"));
  EXPECT_EQ(lines.front(), "S ");
  EXPECT_EQ(lines.back(), "X 77 0");
}

TEST_F(Pid1, TellsTheSignalThatEndedAProgram) {
  EXPECT_THAT(Run("kill -SEGV $$"), Contains("X 0 11"));
}

TEST_F(Pid1, KillsAProgramAndItsChildrenWhenTheTimeIsOver) {
  const auto lines = Run("cat /dev/zero >/dev/null & wait", 1);
  EXPECT_THAT(lines, Contains("X 0 9"));
  EXPECT_THAT(lines, Contains(HasSubstr("its time of 1 s is over")));
}

TEST_F(Pid1, SaysThatAProgramCantRun) {
  const auto machine = Start({KCT_INIT, "--host", folder_});
  machine->Send("run 1 5 ./nothing");
  const auto lines = HearJob(*machine);
  EXPECT_THAT(lines, Contains(HasSubstr("ENOENT")));
  EXPECT_THAT(lines, Contains("X 127 0"));
}

TEST_F(Pid1, ComplainsOfACommandItDoesNotKnow) {
  const auto machine = Start({KCT_INIT, "--host", folder_});
  machine->Send("dance");
  machine->Send("run 1");
  std::vector<std::string> complaints;
  while (complaints.size() < 2) {
    const Heard heard = machine->Listen();
    const Message* message = std::get_if<Message>(&heard);
    ASSERT_NE(message, nullptr);
    if (message->kind == Message::Kind::kBroken) complaints.push_back(message->text);
  }
  EXPECT_THAT(complaints[0], HasSubstr("no command 'dance'"));
  EXPECT_THAT(complaints[1], HasSubstr("ID SECONDS PROGRAM"));
}

TEST_F(Machines, FilesThatDontFitLeaveTheOldOnes) {
  const std::filesystem::path path = folder_ / "file";
  ASSERT_TRUE(WriteFile(path, "old").ok());
  signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tiny{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tiny);
  const Status written = WriteFile(path, std::string(5000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(written.ok());
  EXPECT_THAT(written.error().message, HasSubstr(path.string() + ": EFBIG"));
  EXPECT_EQ(ReadFile(path).value(), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Machines, NeedMoreDiskThanThereIs) {
  const Status space = CheckFreeSpace(folder_, Bytes{1ULL << 60});
  ASSERT_FALSE(space.ok());
  EXPECT_THAT(space.error().message, HasSubstr("MiB needed"));
}

TEST(Qemu, NeverUsesTheKvmOfThisMachine) {
  for (const Emulation emulation : {Emulation::kMulti, Emulation::kSingle}) {
    const auto command = QemuCommand({.qemu = "/q", .emulation = emulation}, "/run");
    const auto accel = std::find(command.begin(), command.end(), "-accel");
    ASSERT_NE(accel, command.end());
    EXPECT_TRUE((accel + 1)->starts_with("tcg,")) << *(accel + 1);
    EXPECT_EQ(std::count(command.begin(), command.end(), "-accel"), 1);
    EXPECT_THAT(ShellLine(command), testing::Not(HasSubstr("enable-kvm")));
  }
}

// A machine whose lines are in a file says all of them, also those written just before its end.
TEST_F(Machines, ThatWriteAFileAreFollowed) {
  const std::filesystem::path output = folder_ / "port.log";
  const std::filesystem::path script =
      Script("echo U 7.3 >> $1; echo S 1 >> $1; echo O 1 last >> $1; exit 0");
  Result<std::unique_ptr<Machine>> machine = LineMachine::Follow(
      {script.string(), output.string()}, output, folder_ / "vm", interrupt_, {});
  ASSERT_TRUE(machine.ok());
  std::string said;
  for (int line = 0; line < 3; ++line) {
    said += static_cast<char>(std::get<Message>((*machine)->Listen()).kind);
  }
  EXPECT_EQ(said, "USO");
  EXPECT_EQ(EndOf(**machine).cause, Cause::kKernelDied);
}

// Each command finds a machine that knows it from the start.
TEST_F(Machines, OfOneShotAreNewForEachCommand) {
  std::vector<std::string> booted;
  OneShotMachine machine(
      [&](const std::string& command) -> Result<std::unique_ptr<Machine>> {
        booted.push_back(command);
        return LineMachine::Start({Script("echo U 7.3; echo S 1; exec sleep 60")}, folder_ / "vm",
                                  interrupt_);
      },
      "7.3.4");
  EXPECT_EQ(std::get<Message>(machine.Listen()).text, "7.3.4");
  for (const char* command : {"run 1 a", "run 1 b"}) {
    machine.Send(command);
    EXPECT_EQ(std::get<Message>(machine.Listen()).kind, Message::Kind::kStarted);
  }
  EXPECT_THAT(booted, testing::ElementsAre("run 1 a", "run 1 b"));
}

TEST_F(Machines, OfOneShotThatDoNotBootSayWhy) {
  OneShotMachine machine(
      [](const std::string&) -> Result<std::unique_ptr<Machine>> { return MakeError("no QEMU"); },
      "7.3.4");
  (void)machine.Listen();
  machine.Send("run 1 a");
  const MachineEnded end = EndOf(machine);
  EXPECT_EQ(end.cause, Cause::kOurs);
  EXPECT_EQ(end.why, "no QEMU");
}

// Nothing of a deterministic machine comes from the host, and its command is part of it.
TEST(Qemu, OfADeterministicMachineCountsInstructions) {
  VmOptions options{.qemu = "/q"};
  options.determinism = {.shift = 3, .spin = 17, .command = "run 1 60 /bin/a --seed=1"};
  const std::string line = ShellLine(QemuCommand(options, "/run"));
  for (const char* part : {"tcg,thread=single", "-icount shift=3,sleep=off", "clock=vm", "-seed 1",
                           "file,id=port,path=/run/port.log", "nokaslr",
                           "kct.spin=17 -- obey run 1 60 /bin/a --seed=1"}) {
    EXPECT_THAT(line, HasSubstr(part));
  }
  EXPECT_THAT(line, testing::Not(HasSubstr("stdio")));
}

TEST(Qemu, TakesAFolderWithCommasAndSpaces) {
  const std::string line = ShellLine(QemuCommand({.qemu = "/q"}, "/a b,c"));
  EXPECT_THAT(line, HasSubstr("'file,id=console,path=/a b,,c/console.log'"));
}

TEST(Qemu, ThatIsMissingIsNamedWithItsPackage) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  const auto qemu = FindQemu();
  setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(qemu.ok());
  EXPECT_THAT(qemu.error().message, HasSubstr("apt-get install qemu-system-x86"));
}

}  // namespace
}  // namespace kct
