// SPDX-License-Identifier: GPL-2.0-only
// What the stores of kernels have in common: a folder of our own, its space, its locks.
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/clock.h"
#include "harness/base/result.h"
#include "harness/base/unique_fd.h"
#include "harness/base/units.h"

namespace kct {

// $KCT_CACHE, or kct in $XDG_CACHE_HOME or ~/.cache.
std::filesystem::path DefaultCacheDirectory();

// An empty folder that goes away with the object. What a killed run left there goes first.
class Scratch {
 public:
  explicit Scratch(std::filesystem::path path);
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

// An Error that says what needs so much if `directory` has less.
Status CheckSpace(const std::string& what, Bytes needed, const std::filesystem::path& directory);

// Locks a file, which is made if need be, against other processes until the descriptor closes.
// `busy` is the Error if somebody else has it all that time.
Result<UniqueFd> LockFile(const std::filesystem::path& file, Duration patience,
                          const std::string& busy);

// Runs `work`; a file system's bad news becomes an Error.
template <typename Work>
auto Guarded(const std::filesystem::path& cache, Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::filesystem::filesystem_error& error) {
    return MakeError("kernel cache {}: {}: {}", cache.string(), error.path1().string(),
                     error.code().message());
  }
}

}  // namespace kct
