// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/backend.h"

#include <sys/ioctl.h>

namespace kct {
namespace {

class Kernel final : public Backend {
 public:
  RawAnswer Ioctl(int fd, unsigned long request, uintptr_t argument) override {
    const int ret = ioctl(fd, request, argument);
    if (ret >= 0) return {ret, Errno()};
    return {ret, LastErrno()};
  }
};

Backend* current = nullptr;

}  // namespace

Backend& KernelBackend() {
  static Kernel kernel;
  return kernel;
}

Backend& CurrentBackend() { return current != nullptr ? *current : KernelBackend(); }

void SetBackend(Backend& backend) { current = &backend; }

}  // namespace kct
