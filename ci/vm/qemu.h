// SPDX-License-Identifier: GPL-2.0-only
// A VM in QEMU's software emulation. /dev/kvm of this machine is never used: the accelerator is
// always tcg, and KVM runs inside, on the AMD SVM that QEMU emulates.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ci/vm/interrupt.h"
#include "ci/vm/line_machine.h"

namespace kct {

enum class Emulation {
  kMulti,   // a thread per emulated CPU: fast; QEMU 7.2 now and then botches kernel code patching
  kSingle,  // all CPUs in one thread, in turns: what shows here is not QEMU's doing
};

struct VmOptions {
  std::filesystem::path qemu;  // FindQemu()
  std::filesystem::path image;
  std::filesystem::path initramfs;
  Emulation emulation = Emulation::kMulti;
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
// kernel.log, stderr.txt and qemu-command.txt.
Result<std::unique_ptr<Machine>> BootVm(const VmOptions& options,
                                        const std::filesystem::path& folder,
                                        const Interrupt& interrupt, Patience patience = {});

}  // namespace kct
