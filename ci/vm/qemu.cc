// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/qemu.h"

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

std::vector<std::string> QemuCommand(const VmOptions& options,
                                     const std::filesystem::path& folder) {
  const std::string threads = options.emulation == Emulation::kMulti ? "multi" : "single";
  const std::string console = DoubleCommas((folder / "console.log").string());
  // tsc=reliable: no watchdog finds the TSC unstable because the host let the VM wait, and patches
  // code for it, which QEMU gets wrong now and then (docs/design/runner.md).
  // maxcpus=1: PID 1 starts the other CPUs once nothing patches code any more, for the same reason.
  std::string kernel_arguments = "console=ttyS0 quiet panic=-1 tsc=reliable maxcpus=1";
  if (!options.kernel_arguments.empty()) kernel_arguments += " " + options.kernel_arguments;
  return {
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
      options.memory,
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
      "stdio,id=port,signal=off",
      "-serial",
      "chardev:port",
  };
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
  return LineMachine::Start(command, folder, interrupt, patience);
}

}  // namespace kct
