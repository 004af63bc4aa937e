// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/files.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include "harness/base/errno.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

Status WriteAll(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written >= 0) {
      content.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    const Errno error = LastErrno();
    if (error != Errno(EINTR)) return MakeError("{}: {}", path.string(), error.Explain());
  }
  return {};
}

}  // namespace

Result<std::string> ReadFile(const std::filesystem::path& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return MakeError("{}: {}", path.string(), LastErrno().Explain());
  std::string content;
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t count = read(fd.get(), buffer, sizeof buffer);
    if (count == 0) return content;
    if (count > 0) {
      content.append(buffer, static_cast<std::size_t>(count));
      continue;
    }
    const Errno error = LastErrno();
    if (error != Errno(EINTR)) return MakeError("{}: {}", path.string(), error.Explain());
  }
}

Status WriteFile(const std::filesystem::path& path, std::string_view content) {
  const std::string temporary = path.string() + fmt::format(".new-{}", getpid());
  const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return MakeError("{}: {}", path.string(), LastErrno().Explain());
  const Status written = WriteAll(fd.get(), content, path);
  if (!written) {
    unlink(temporary.c_str());
    return written;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const Errno error = LastErrno();
    unlink(temporary.c_str());
    return MakeError("{}: {}", path.string(), error.Explain());
  }
  return {};
}

Status MakeFolder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return MakeError("{}: can't be a folder: {}", path.string(), error.message());
  return {};
}

Status CheckFreeSpace(const std::filesystem::path& folder, Bytes needed) {
  struct statvfs info;
  if (statvfs(folder.c_str(), &info) != 0) {
    return MakeError("{}: {}", folder.string(), LastErrno().Explain());
  }
  const uint64_t available = uint64_t{info.f_bavail} * info.f_frsize;
  if (available >= needed.count) return {};
  return MakeError("{}: {} MiB free, {} MiB needed", folder.string(), available >> 20,
                   needed.count >> 20);
}

}  // namespace kct
