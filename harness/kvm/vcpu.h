// SPDX-License-Identifier: GPL-2.0-only
// Vcpu: a virtual CPU, and the ioctls of its file descriptor under their own names.
#pragma once

#include <string_view>

#include "harness/abi/backend.h"
#include "harness/base/mapping.h"
#include "harness/base/result.h"
#include "harness/base/unique_fd.h"
#include "harness/base/units.h"

namespace kct {

class Vcpu {
 public:
  Vcpu(UniqueFd fd, Mapping run) : fd_(std::move(fd)), run_(std::move(run)) {}

  int fd() const { return fd_.get(); }
  // The structure shared with KVM_RUN.
  kvm_run& run() const { return *static_cast<kvm_run*>(run_.data()); }
  // What a KVM_EXIT_MEMORY_FAULT left there.
  KvmRunMemoryFault MemoryFault() const;

  // --- ioctls, unjudged -----------------------------------------------------------------------
  // Where it fails the tape notes kvm_run::exit_reason, before and after.
  PreFaultCall PreFaultMemory(const kvm_pre_fault_memory& arg) const;
  RunCall Run() const;
  Result<kvm_sregs> GetSregs() const;
  Status SetSregs(const kvm_sregs& sregs) const;
  Result<kvm_regs> GetRegs() const;
  Status SetRegs(const kvm_regs& regs) const;
  Result<kvm_vcpu_events> GetEvents() const;
  Status SetEvents(const kvm_vcpu_events& events) const;

  // --- sugar ----------------------------------------------------------------------------------
  // PreFaultMemory of a range, with no flags.
  PreFaultCall PreFault(GpaRange range) const;
  // Goes on while calls succeed and leave a remainder; the last call.
  PreFaultCall PreFaultAll(GpaRange range) const;
  // Puts the vCPU into system management mode, or takes it out (KVM_SET_VCPU_EVENTS).
  enum class Mode { kNormal, kSystemManagement };
  Status SetMode(Mode mode) const;
  // The value of a statistic of this vCPU ("pf_emulate"), from KVM_GET_STATS_FD. Error: no such
  // name.
  Result<uint64_t> Statistic(std::string_view name) const;

 private:
  UniqueFd fd_;
  Mapping run_;
};

}  // namespace kct
