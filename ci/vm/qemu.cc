// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/qemu.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

#include "ci/vm/files.h"

namespace kct {
namespace {

constexpr const char* kQemu = "qemu-system-x86_64";

// In a QEMU option a comma begins the next field, and two are one.
std::string DoubleCommas(const std::string& text) {
  std::string doubled;
  for (const char c : text) doubled += c == ',' ? ",," : std::string(1, c);
  return doubled;
}

std::filesystem::path PortLog(const std::filesystem::path& folder) { return folder / "port.log"; }

}  // namespace

Result<std::filesystem::path> FindQemu() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path candidate = std::filesystem::path(folder) / kQemu;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return MakeError("{} is not in PATH (Debian: apt-get install qemu-system-x86)", kQemu);
}

// The memory of a second node: an eighth. All CPUs are on the first, so that threads are scheduled
// as on a machine with one.
constexpr uint64_t kPartOfSecondNode = 8;

// "2G" or "1536M" in MiB.
uint64_t MebibytesOf(const std::string& memory) {
  const uint64_t number = std::strtoull(memory.c_str(), nullptr, 10);
  return memory.ends_with('M') ? number : memory.ends_with('G') ? number * 1024 : number;
}

std::string MemoryOfNode(int node, uint64_t mebibytes) {
  return fmt::format("memory-backend-ram,id=node{},size={}M", node, mebibytes);
}

std::vector<std::string> QemuCommand(const VmOptions& options,
                                     const std::filesystem::path& folder) {
  const bool multi = options.emulation == Emulation::kMulti && !options.determinism;
  const std::string threads = multi ? "multi" : "single";
  const std::string console = DoubleCommas((folder / "console.log").string());
  // tsc=reliable: no watchdog finds the TSC unstable because the host let the VM wait, and patches
  // code for it, which QEMU gets wrong now and then (docs/design/runner.md).
  // maxcpus=1: PID 1 starts the other CPUs once nothing patches code any more, for the same reason.
  // numa_balancing=enable: switching it on later would patch code, too. PID 1 sees to it that no
  // memory is scanned unless a test wants it (ci/vm/init/system.h).
  std::string kernel_arguments =
      "console=ttyS0 quiet panic=-1 tsc=reliable maxcpus=1 numa_balancing=enable";
  if (!options.kernel_arguments.empty()) kernel_arguments += " " + options.kernel_arguments;
  // What stands behind -- the kernel hands to PID 1, which obeys it.
  if (options.determinism) {
    kernel_arguments += fmt::format(" nokaslr kct.spin={} -- obey {}", options.determinism->spin,
                                    options.determinism->command);
  }
  const uint64_t memory = MebibytesOf(options.memory);
  const uint64_t second = memory / kPartOfSecondNode;
  // A port on a pipe is written when whoever reads it has time.
  const std::string port = options.determinism
                               ? "file,id=port,path=" + DoubleCommas(PortLog(folder).string())
                               : "stdio,id=port,signal=off";
  std::vector<std::string> command = {
      options.qemu,
      "-machine",
      "q35",
      "-accel",
      "tcg,thread=" + threads,
      "-cpu",
      options.cpu_model,
      "-smp",
      std::to_string(options.cpus),
      "-m",
      fmt::format("{}M", memory),
      "-object",
      MemoryOfNode(0, memory - second),
      "-object",
      MemoryOfNode(1, second),
      "-numa",
      fmt::format("node,nodeid=0,memdev=node0,cpus=0-{}", options.cpus - 1),
      "-numa",
      "node,nodeid=1,memdev=node1",
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-no-reboot",
      "-kernel",
      options.image,
      "-initrd",
      options.initramfs,
      "-append",
      kernel_arguments,
      "-chardev",
      "file,id=console,path=" + console,
      "-serial",
      "chardev:console",
      "-chardev",
      port,
      "-serial",
      "chardev:port",
  };
  if (options.determinism) {
    const std::string counted = fmt::format("shift={},sleep=off", options.determinism->shift);
    for (const std::string& argument : {std::string("-icount"), counted, std::string("-rtc"),
                                        std::string("base=2026-01-01T00:00:00,clock=vm"),
                                        std::string("-seed"), std::string("1")}) {
      command.push_back(argument);
    }
  }
  return command;
}

std::string ShellLine(const std::vector<std::string>& argv) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  std::string line;
  for (const std::string& argument : argv) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) line += c == '\'' ? "'\\''" : std::string(1, c);
    line += '\'';
  }
  return line;
}

Result<std::unique_ptr<Machine>> BootVm(const VmOptions& options,
                                        const std::filesystem::path& folder,
                                        const Interrupt& interrupt, Patience patience) {
  KCT_TRY_STATUS(MakeFolder(folder));
  const std::vector<std::string> command = QemuCommand(options, folder);
  KCT_TRY_STATUS(WriteFile(folder / "qemu-command.txt", ShellLine(command) + "\n"));
  if (options.determinism) {
    return LineMachine::Follow(command, PortLog(folder), folder, interrupt, patience);
  }
  return LineMachine::Start(command, folder, interrupt, patience);
}

}  // namespace kct
