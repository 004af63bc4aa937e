// SPDX-License-Identifier: GPL-2.0-only
// A VM in QEMU's software emulation. /dev/kvm of this machine is never used: the accelerator is
// always tcg, and KVM runs inside, on the AMD SVM that QEMU emulates.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ci/vm/interrupt.h"
#include "ci/vm/line_machine.h"

namespace kct {

enum class Emulation {
  kMulti,   // a thread per emulated CPU: fast; QEMU 7.2 now and then botches kernel code patching
  kSingle,  // all CPUs in one thread, in turns: what shows here is not QEMU's doing
};

// A machine on which nothing depends on the host: its CPUs take turns by instructions, its clocks
// count them, and nobody can talk to it.
struct Determinism {
  // An instruction takes 2^shift nanoseconds of the machine's time.
  unsigned shift = 2;
  // Turns of a loop that PID 1 makes before it does anything: all that follows meets the machine's
  // clocks at other points.
  uint64_t spin = 0;
  // The one command for PID 1 (docs/design/protocol.md).
  std::string command;
};

struct VmOptions {
  std::filesystem::path qemu;  // FindQemu()
  std::filesystem::path image;
  std::filesystem::path initramfs;
  Emulation emulation = Emulation::kMulti;
  std::optional<Determinism> determinism;  // single-threaded then, whatever `emulation` says
  unsigned cpus = 2;
  std::string memory = "2G";  // as QEMU reads it
  std::string cpu_model = "max,+svm";
  std::string kernel_arguments;  // after our own
};

// qemu-system-x86_64 in PATH.
Result<std::filesystem::path> FindQemu();

std::vector<std::string> QemuCommand(const VmOptions& options, const std::filesystem::path& folder);

// For a shell, quoted where needed.
std::string ShellLine(const std::vector<std::string>& argv);

// Boots; the machine's first line says whether that worked. `folder` gets console.log,
// kernel.log, stderr.txt and qemu-command.txt, of a deterministic one port.log as well.
Result<std::unique_ptr<Machine>> BootVm(const VmOptions& options,
                                        const std::filesystem::path& folder,
                                        const Interrupt& interrupt, Patience patience = {});

}  // namespace kct
