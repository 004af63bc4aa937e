// SPDX-License-Identifier: GPL-2.0-only
// Host: what a test may ask the machine besides ioctls. The machine itself is one; where KVM is
// imitated in this process, so is what can be seen of it from outside.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/abi/invalidations.h"
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

enum class FileAction : uint8_t;  // abi/files.h

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

  // --- forced failures --------------------------------------------------------------------------
  // Whether LimitObjects works (CONFIG_FAILSLAB, for root).
  virtual bool LimitsObjects();
  // From now on the calling thread may have this much of the kernel's objects and no more: what it
  // asks for beyond that fails. Without a number the limit is lifted. One thread at a time.
  virtual Status LimitObjects(std::optional<Bytes> most);

  // Whether guests run on a CPU. Where they don't they are imitated, program by program.
  virtual bool RunsMachineCode();

  // --- host memory ------------------------------------------------------------------------------
  virtual int Madvise(Hva start, Bytes size, int advice);
  virtual int Mprotect(Hva start, Bytes size, int protection);
  virtual int Munmap(Hva start, Bytes size);
  // mbind(2); bit n of `nodes` is node n.
  virtual int Mbind(Hva start, Bytes size, int mode, uint64_t nodes);
  // Makes any other system call, or calls, after which the range is not what it was. `change` makes
  // no use of this class, calls no KVM and ends no UniqueFd: where KVM is imitated its world stands
  // still meanwhile.
  virtual int ChangeMemory(Hva start, Bytes size, const std::function<int()>& change);
  // Whether KVM hears of what the kernel does to the memory of this process on its own account, and
  // of system calls that are not made through this class.
  virtual bool KvmFollowsMemory();
  virtual Result<std::unique_ptr<Invalidations>> CountInvalidations(Hva start, Bytes size);
  virtual Result<std::unique_ptr<WatchedMemory>> WatchMemory(Hva start, Bytes size,
                                                             OnFault on_fault, FaultKind kinds);

  // Keeps the pages in use until the descriptor is closed: io_uring holds them as a fixed buffer,
  // as it would for a device. Of nothing: whether that can be had.
  virtual Result<UniqueFd> PinPages(Hva start, Bytes size);

  // --- files ------------------------------------------------------------------------------------
  virtual int Fallocate(int fd, int mode, uint64_t offset, Bytes size);
  // MAP_FAILED, and errno is set: it could not be mapped.
  virtual void* MapFile(int fd, Bytes size, int protection, int flags);
  // Of the range; -1: nobody can tell.
  virtual int64_t CountPages(int fd, uint64_t offset, Bytes size);
  virtual int OnFile(int fd, FileAction action);
};

// The host in force: this machine until SetHost. Set it before threads start.
Host& CurrentHost();
void SetHost(Host& host);

}  // namespace kct
