// SPDX-License-Identifier: GPL-2.0-only
// SourceStore: the sources of Debian's kernels, unpacked in a cache of our own:
// CACHE/sources/linux-source-7.3_VERSION. They come as the kernels do (debian_apt.h): signatures
// checked, nothing installed.
#pragma once

#include <filesystem>
#include <string_view>

#include "ci/kernel/command.h"
#include "ci/kernel/debian_apt.h"
#include "ci/kernel/source_tree.h"
#include "ci/kernel/store.h"

namespace kct {

class SourceStore {
 public:
  explicit SourceStore(std::filesystem::path cache, CommandRunner run = RunCommand);

  // The sources of the kernel that `spec` names (debian_index.h). No network is needed for an exact
  // version that is here; where the archive can't be read, the newest that is here and fits is
  // used, with a note.
  Result<SourceTree> Get(std::string_view spec, const Progress& progress);

 private:
  std::filesystem::path PlaceOf(const std::string& version) const;
  Result<SourceTree> Load(const std::string& version) const;
  Result<SourceTree> Newest(const KernelSpec& spec) const;
  Status Fetch(const std::string& version, const Progress& progress);
  Status Unpack(const std::string& version, const std::filesystem::path& scratch,
                const Progress& progress);

  const std::filesystem::path cache_;
  const CommandRunner run_;
  KernelStore kernels_;
  DebianApt apt_;
};

}  // namespace kct
