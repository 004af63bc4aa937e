// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm/kvm.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "harness/liveness/in_flight.h"

namespace kct {
namespace {

std::string ParameterPath(std::string_view module, std::string_view parameter) {
  return fmt::format("/sys/module/{}/parameters/{}", module, parameter);
}

}  // namespace

Result<Kvm> Kvm::Open() {
  UniqueFd fd(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!fd) return MakeError("/dev/kvm: {}", LastErrno().Explain());
  return Kvm(std::move(fd));
}

int Kvm::CheckExtension(unsigned long cap) const {
  return IssueNumber(fd(), KVM_CHECK_EXTENSION, cap).ret;
}

Bytes Kvm::VcpuMmapSize() const {
  return {static_cast<uint64_t>(IssueNumber(fd(), KVM_GET_VCPU_MMAP_SIZE, 0).ret)};
}

std::string ModuleParameter(std::string_view module, std::string_view parameter) {
  std::ifstream file(ParameterPath(module, parameter));
  std::string value;
  std::getline(file, value);
  return value;
}

Status SetModuleParameter(std::string_view module, std::string_view parameter,
                          std::string_view value) {
  const std::string path = ParameterPath(module, parameter);
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return MakeError("{}: {}", path, LastErrno().Explain());
  InFlight call("write to a module parameter");
  if (write(fd.get(), value.data(), value.size()) < 0) {
    return MakeError("{}: writing '{}': {}", path, value, LastErrno().Explain());
  }
  return {};
}

Paging HostPaging() {
  for (const auto& [module, parameter] : {std::pair{"kvm_amd", "npt"}, {"kvm_intel", "ept"}}) {
    const std::string value = ModuleParameter(module, parameter);
    if (!value.empty()) return value[0] == 'Y' || value[0] == '1' ? Paging::kTdp : Paging::kShadow;
  }
  return Paging::kUnknown;
}

}  // namespace kct
