// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include "harness/abi/files.h"
#include "harness/base/errno.h"

namespace kct {
namespace {

std::string ParameterPath(std::string_view module, std::string_view parameter) {
  return fmt::format("/sys/module/{}/parameters/{}", module, parameter);
}

Host* current = nullptr;

}  // namespace

Result<UniqueFd> Host::OpenKvm() {
  UniqueFd fd(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!fd) return MakeError("/dev/kvm: {}", LastErrno().Explain());
  return fd;
}

std::string Host::Release() {
  utsname names;
  uname(&names);
  return names.release;
}

std::string Host::ModuleParameter(std::string_view module, std::string_view parameter) {
  std::ifstream file(ParameterPath(module, parameter));
  std::string value;
  std::getline(file, value);
  return value;
}

Status Host::SetModuleParameter(std::string_view module, std::string_view parameter,
                                std::string_view value) {
  const std::string path = ParameterPath(module, parameter);
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return MakeError("{}: {}", path, LastErrno().Explain());
  if (write(fd.get(), value.data(), value.size()) < 0) {
    return MakeError("{}: writing '{}': {}", path, value, LastErrno().Explain());
  }
  return {};
}

bool Host::ShowsTheKernel() { return geteuid() == 0; }

bool Host::ShowsFrames() { return geteuid() == 0; }

bool Host::RunsMachineCode() { return true; }

std::optional<KernelView> Host::ViewOf(pid_t) { return std::nullopt; }

int Host::Madvise(Hva start, Bytes size, int advice) {
  return madvise(Pointer(start), size.count, advice);
}

int Host::Mprotect(Hva start, Bytes size, int protection) {
  return mprotect(Pointer(start), size.count, protection);
}

int Host::Munmap(Hva start, Bytes size) { return munmap(Pointer(start), size.count); }

int Host::Mbind(Hva start, Bytes size, int mode, uint64_t nodes) {
  return static_cast<int>(
      syscall(SYS_mbind, Pointer(start), size.count, mode, &nodes, 8 * sizeof nodes, 0));
}

int Host::Fallocate(int fd, int mode, uint64_t offset, Bytes size) {
  return fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(size.count));
}

void* Host::MapFile(int fd, Bytes size, int protection, int flags) {
  return mmap(nullptr, size.count, protection, flags, fd, 0);
}

int64_t Host::CountPages(int fd, uint64_t offset, Bytes size) {
  constexpr long kCachestat = 451;  // Linux 6.5; newer than the C library's headers
  struct {
    uint64_t offset, size;
  } range{offset, size.count};
  struct {
    uint64_t cached, dirty, written_back, evicted, recently_evicted;
  } pages = {};
  return syscall(kCachestat, fd, &range, &pages, 0) == 0 ? static_cast<int64_t>(pages.cached) : -1;
}

int Host::OnFile(int fd, FileAction action) { return Perform(fd, action); }

int Host::ChangeMemory(Hva, Bytes, const std::function<int()>& change) { return change(); }

bool Host::KvmFollowsMemory() { return true; }

Result<std::unique_ptr<Invalidations>> Host::CountInvalidations(Hva start, Bytes size) {
  return CountWithTracepoint(start, size);
}

Result<std::unique_ptr<WatchedMemory>> Host::WatchMemory(Hva start, Bytes size, OnFault on_fault,
                                                         FaultKind kinds) {
  return WatchWithUserfaultfd(start, size, on_fault, kinds);
}

Host& CurrentHost() {
  static Host machine;
  return current != nullptr ? *current : machine;
}

void SetHost(Host& host) { current = &host; }

}  // namespace kct
