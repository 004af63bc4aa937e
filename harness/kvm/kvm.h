// SPDX-License-Identifier: GPL-2.0-only
// Kvm: /dev/kvm, and what it says about itself.
#pragma once

#include <string>

#include "harness/abi/backend.h"
#include "harness/base/result.h"
#include "harness/base/unique_fd.h"

namespace kct {

class Kvm {
 public:
  static Result<Kvm> Open();

  int fd() const { return fd_.get(); }
  // KVM_CHECK_EXTENSION on the system fd. The answer to an unknown capability is 0.
  int CheckExtension(unsigned long cap) const;
  // Size of the structure that KVM_RUN shares with user space.
  Bytes VcpuMmapSize() const;

 private:
  explicit Kvm(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// How KVM translates guest physical addresses on this machine.
enum class Paging { kTdp, kShadow, kUnknown };

// Reads the npt or ept parameter of the vendor module that is loaded.
Paging HostPaging();

// The value of a parameter of a module, without the newline; empty if there is none.
std::string ModuleParameter(std::string_view module, std::string_view parameter);
// Writes one. Needs root.
Status SetModuleParameter(std::string_view module, std::string_view parameter,
                          std::string_view value);

}  // namespace kct
