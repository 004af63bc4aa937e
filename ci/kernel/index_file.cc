// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/index_file.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace kct {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(KernelPackage, version, release, suite, flavour, packages,
                                   missing, download_bytes, installed_bytes)

std::optional<StoredIndex> ReadIndexFile(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) return std::nullopt;
  try {
    StoredIndex index;
    index.kernels = nlohmann::json::parse(stream).get<std::vector<KernelPackage>>();
    index.age = std::chrono::duration_cast<Duration>(std::filesystem::file_time_type::clock::now() -
                                                     std::filesystem::last_write_time(file));
    return index;
  } catch (const std::exception&) {
    return std::nullopt;  // from another version of kct, or damaged: as good as none
  }
}

Status WriteIndexFile(const std::filesystem::path& file,
                      const std::vector<KernelPackage>& kernels) {
  const std::filesystem::path fresh = file.string() + ".new";
  {
    std::ofstream stream(fresh);
    stream << nlohmann::json(kernels).dump(1) << std::flush;
    if (!stream) {
      std::filesystem::remove(fresh);
      return MakeError("can't write {}: is the disk full?", fresh.string());
    }
  }
  std::filesystem::rename(fresh, file);
  return {};
}

}  // namespace kct
