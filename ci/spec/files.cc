// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/files.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/base/errno.h"

namespace kct {

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError("{}: can't be read: {}", path, LastErrno().Explain());
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return MakeError("{}: can't be read: {}", path, LastErrno().Explain());
  return text;
}

Status WriteFileIfChanged(const std::string& path, std::string_view text) {
  if (std::filesystem::exists(path)) {
    KCT_TRY(const std::string old, ReadFile(path));
    if (old == text) return {};
  }
  const std::string temporary = path + ".new";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string reason = LastErrno().Explain();
    std::remove(temporary.c_str());
    return MakeError("{}: can't be written: {}", path, reason);
  }
  return {};
}

}  // namespace kct
