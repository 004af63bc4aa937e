// SPDX-License-Identifier: GPL-2.0-only
// ImitatedKvm: a KVM inside this process, as the model says it is, with the machine that it needs
// around it. What is imitated is what a test can see: ioctls and their answers, kvm_run, guest
// memory, threads that wait inside the kernel, signals, userfaultfd.
//
//   ImitatedKvm kvm;
//   kvm.PowerOn(rules);
//   SetBackend(kvm);
//   SetHost(kvm);
#pragma once

#include "harness/abi/backend.h"
#include "harness/abi/host.h"
#include "harness/model/rules.h"

namespace kct {

namespace imitation {
struct World;
}

class ImitatedKvm final : public Backend, public Host {
 public:
  // From here on UniqueFd closes descriptors of ours with us. REQUIRES: at most one at a time.
  ImitatedKvm();
  ~ImitatedKvm() override;

  // Begins anew: nothing that was made before exists any more. REQUIRES: nobody is in a call.
  void PowerOn(const model::Rules& rules);

  RawAnswer Ioctl(int fd, unsigned long request, uintptr_t argument) override;

  Result<UniqueFd> OpenKvm() override;
  std::string Release() override;
  std::string ModuleParameter(std::string_view module, std::string_view parameter) override;
  Status SetModuleParameter(std::string_view module, std::string_view parameter,
                            std::string_view value) override;
  bool ShowsTheKernel() override { return true; }
  bool RunsMachineCode() override { return false; }
  std::optional<KernelView> ViewOf(pid_t tid) override;
  bool LimitsObjects() override { return true; }
  Status LimitObjects(std::optional<Bytes> most) override;
  int Madvise(Hva start, Bytes size, int advice) override;
  int Mprotect(Hva start, Bytes size, int protection) override;
  int Munmap(Hva start, Bytes size) override;
  int Mbind(Hva start, Bytes size, int mode, uint64_t nodes) override;
  int ChangeMemory(Hva start, Bytes size, const std::function<int()>& change) override;
  bool KvmFollowsMemory() override { return false; }
  Result<std::unique_ptr<Invalidations>> CountInvalidations(Hva start, Bytes size) override;
  Result<std::unique_ptr<WatchedMemory>> WatchMemory(Hva start, Bytes size, OnFault on_fault,
                                                     FaultKind kinds) override;
  Result<UniqueFd> PinPages(Hva start, Bytes size) override;
  int Fallocate(int fd, int mode, uint64_t offset, Bytes size) override;
  void* MapFile(int fd, Bytes size, int protection, int flags) override;
  int64_t CountPages(int fd, uint64_t offset, Bytes size) override;
  int OnFile(int fd, FileAction action) override;

  int Close(int fd);

 private:
  // MADV_POPULATE_WRITE of memory that user space could write.
  int Populate(Hva start, Bytes size);

  std::unique_ptr<imitation::World> world_;
};

}  // namespace kct
