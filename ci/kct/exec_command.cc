// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/exec_command.h"

#include "ci/kct/run_command.h"

namespace kct {
namespace {

int Stopped(Exit exit, std::string why) {
  return static_cast<int>(Complain({exit, std::move(why)}));
}

// Sends the command once the machine is up, and prints what comes until the program has ended.
int Follow(Machine& machine, const std::string& command) {
  for (;;) {
    const Heard heard = machine.Listen();
    if (std::holds_alternative<Interrupted>(heard)) {
      return Stopped(Exit::kInterrupted, "interrupted");
    }
    if (const auto* end = std::get_if<MachineEnded>(&heard)) {
      return Stopped(Exit::kKernelDied, end->why);
    }
    const Message& message = std::get<Message>(heard);
    switch (message.kind) {
      case Message::Kind::kUp:
        machine.Send(command);
        break;
      case Message::Kind::kOutput:
        fmt::print("{}\n", message.text);
        std::fflush(stdout);
        break;
      case Message::Kind::kExited:
        return message.signal != 0 ? 128 + message.signal : message.status;
      case Message::Kind::kStuck:
        return Stopped(Exit::kHang, message.text);
      case Message::Kind::kBroken:
        return Stopped(Exit::kUsage, message.text);
      default:
        break;
    }
  }
}

}  // namespace

int Execute(LabOptions lab_options, const ExecOptions& options) {
  const std::filesystem::path program = options.command.front();
  lab_options.more_programs.push_back(program);
  std::variant<Lab, Stop> opened = Lab::Open(lab_options);
  if (const Stop* stop = std::get_if<Stop>(&opened)) return static_cast<int>(Complain(*stop));
  Lab lab = std::get<Lab>(std::move(opened));
  if (std::optional<Stop> stop = lab.Equip()) return static_cast<int>(Complain(*stop));
  const Interrupt interrupt;
  Result<std::unique_ptr<Machine>> machine =
      lab.MakeBoot(interrupt)(Mode::kNpt, lab_options.emulation);
  if (!machine) return Stopped(Exit::kMachine, machine.error().message);
  std::string command =
      fmt::format("run 1 {} /bin/{}", options.limit_seconds, program.filename().string());
  for (std::size_t i = 1; i < options.command.size(); ++i) command += " " + options.command[i];
  return Follow(**machine, command);
}

}  // namespace kct
