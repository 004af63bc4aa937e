// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/cache.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cstdlib>

#include "harness/base/errno.h"

namespace kct {

namespace fs = std::filesystem;

fs::path DefaultCacheDirectory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value == nullptr ? "" : value);
  };
  if (const fs::path own = variable("KCT_CACHE"); !own.empty()) return fs::absolute(own);
  if (const fs::path user = variable("XDG_CACHE_HOME"); user.is_absolute()) return user / "kct";
  return variable("HOME") / ".cache/kct";
}

Scratch::Scratch(fs::path path) : path_(std::move(path)) {
  fs::remove_all(path_);
  fs::create_directories(path_);
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Status CheckSpace(const std::string& what, Bytes needed, const fs::path& directory) {
  const uint64_t available = fs::space(directory).available;
  if (available >= needed.count) return {};
  return MakeError("{}: needs {} MB free in {}, which has {} MB", what, needed.count >> 20,
                   directory.string(), available >> 20);
}

Result<UniqueFd> LockFile(const fs::path& file, Duration patience, const std::string& busy) {
  fs::create_directories(file.parent_path());
  UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return MakeError("can't open {}: {}", file.string(), LastErrno().Explain());
  const auto locked = [&] { return flock(fd.get(), LOCK_EX | LOCK_NB) == 0; };
  if (!WaitUntil(locked, Clock::now() + patience)) return MakeError("{}", busy);
  return fd;
}

}  // namespace kct
