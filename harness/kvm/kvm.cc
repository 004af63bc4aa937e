// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm/kvm.h"

#include "harness/abi/host.h"
#include "harness/liveness/in_flight.h"

namespace kct {

Result<Kvm> Kvm::Open() {
  KCT_TRY(UniqueFd fd, CurrentHost().OpenKvm());
  return Kvm(std::move(fd));
}

int Kvm::CheckExtension(unsigned long cap) const {
  return IssueNumber(fd(), KVM_CHECK_EXTENSION, cap).ret;
}

Bytes Kvm::VcpuMmapSize() const {
  return {static_cast<uint64_t>(IssueNumber(fd(), KVM_GET_VCPU_MMAP_SIZE, 0).ret)};
}

std::string ModuleParameter(std::string_view module, std::string_view parameter) {
  return CurrentHost().ModuleParameter(module, parameter);
}

Status SetModuleParameter(std::string_view module, std::string_view parameter,
                          std::string_view value) {
  InFlight call("write to a module parameter");
  return CurrentHost().SetModuleParameter(module, parameter, value);
}

Paging HostPaging() {
  for (const auto& [module, parameter] : {std::pair{"kvm_amd", "npt"}, {"kvm_intel", "ept"}}) {
    const std::string value = ModuleParameter(module, parameter);
    if (!value.empty()) return value[0] == 'Y' || value[0] == '1' ? Paging::kTdp : Paging::kShadow;
  }
  return Paging::kUnknown;
}

}  // namespace kct
