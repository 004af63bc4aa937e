// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm/kvm.h"

#include "harness/abi/host.h"
#include "harness/base/tape.h"
#include "harness/liveness/in_flight.h"

namespace kct {
namespace {

// arch/x86/kvm/mmu/mmu.c:set_nx_huge_pages drops the roots of all VMs.
constexpr std::string_view kNxHugePages = "nx_huge_pages";

}  // namespace

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
  if (parameter != kNxHugePages) {
    return CurrentHost().SetModuleParameter(module, parameter, value);
  }
  OnTape event(TapeKind::kRootsDropped);
  event.Begin();
  const Status written = CurrentHost().SetModuleParameter(module, parameter, value);
  if (event && !written) event->ret = -1;
  event.End();
  return written;
}

Paging HostPaging() {
  for (const auto& [module, parameter] : {std::pair{"kvm_amd", "npt"}, {"kvm_intel", "ept"}}) {
    const std::string value = ModuleParameter(module, parameter);
    if (!value.empty()) return value[0] == 'Y' || value[0] == '1' ? Paging::kTdp : Paging::kShadow;
  }
  return Paging::kUnknown;
}

}  // namespace kct
