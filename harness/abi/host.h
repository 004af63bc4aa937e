// SPDX-License-Identifier: GPL-2.0-only
// Host: what a test may ask the machine besides ioctls. The machine itself is one; where KVM is
// imitated in this process, so is what can be seen of it from outside.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/abi/userfaultfd.h"
#include "harness/base/result.h"
#include "harness/base/unique_fd.h"
#include "harness/base/units.h"

namespace kct {

// What is to be seen of a thread from the kernel's side.
struct KernelView {
  bool runs = false;               // it does not sleep
  uint64_t waits = 0;              // how often it gave up the CPU to wait
  std::vector<std::string> stack;  // functions of the kernel, innermost first
};

// The functions that return an int do as system calls do: -1, and the errno is set.
class Host {
 public:
  virtual ~Host() = default;

  // --- KVM as a module --------------------------------------------------------------------------
  virtual Result<UniqueFd> OpenKvm();
  // The kernel's release, as uname -r says it.
  virtual std::string Release();
  // Without the newline; empty if there is no such parameter.
  virtual std::string ModuleParameter(std::string_view module, std::string_view parameter);
  virtual Status SetModuleParameter(std::string_view module, std::string_view parameter,
                                    std::string_view value);

  // --- what only root may see -------------------------------------------------------------------
  // Whether stacks of the kernel can be seen and parameters of modules changed.
  virtual bool ShowsTheKernel();
  // Whether FrameOf can answer.
  virtual bool ShowsFrames();
  // A thread of this process that is in a call. Nothing: /proc has what there is to know.
  virtual std::optional<KernelView> ViewOf(pid_t tid);

  // Whether guests run on a CPU. Where they don't they are imitated, program by program.
  virtual bool RunsMachineCode();

  // --- host memory ------------------------------------------------------------------------------
  virtual int Madvise(Hva start, Bytes size, int advice);
  virtual int Mprotect(Hva start, Bytes size, int protection);
  virtual Result<std::unique_ptr<WatchedMemory>> WatchMemory(Hva start, Bytes size,
                                                             OnFault on_fault, FaultKind kinds);
};

// The host in force: this machine until SetHost. Set it before threads start.
Host& CurrentHost();
void SetHost(Host& host);

}  // namespace kct
