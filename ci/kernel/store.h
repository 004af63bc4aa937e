// SPDX-License-Identifier: GPL-2.0-only
// KernelStore: Debian's kernels, unpacked in a cache of our own. Nothing is installed.
//
//   KernelStore store(DefaultCacheDirectory());
//   KCT_TRY(Kernel kernel, store.Get("debian:7.3", [](std::string_view line) { … }));
//
// The cache is DIR/kernels/VERSION_FLAVOUR/{vmlinuz,config,System.map,modules/RELEASE}, an index of
// the archive's kernels (DIR/debian.json) and apt's state (DIR/apt). A kernel is unpacked beside
// its place and moved there when it is complete, so what is in the cache is whole.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "ci/kernel/cache.h"
#include "ci/kernel/command.h"
#include "ci/kernel/debian_apt.h"
#include "ci/kernel/debian_index.h"
#include "ci/kernel/kernel.h"
#include "harness/base/result.h"
#include "harness/base/unique_fd.h"

namespace kct {

class KernelStore {
 public:
  explicit KernelStore(std::filesystem::path cache, CommandRunner run = RunCommand);

  // All kernels of the archive and the cache, newest first. Fetches the package indexes if the
  // last time was more than a day ago; without a network what is known must do.
  Result<std::vector<KernelPackage>> List(const Progress& progress);

  // The kernel that `spec` names (debian_index.h), fetched if it is not in the cache. No network is
  // needed for a kernel that is: for an exact version never, for a series within a day, and
  // beyond that where the archive can't be reached (with a note).
  Result<Kernel> Get(std::string_view spec, const Progress& progress);

  // The package in the archive that `spec` names; nothing is fetched but indexes.
  Result<KernelPackage> Find(std::string_view spec, const Progress& progress);

 private:
  Result<std::vector<KernelPackage>> Index(const KernelSpec* wanted, const Progress& progress);
  Result<Kernel> Choose(const KernelSpec& spec, const Progress& progress);
  Result<Kernel> Fetch(const KernelPackage& kernel, const Progress& progress);
  Status Unpack(const KernelPackage& kernel, const std::filesystem::path& scratch,
                const Progress& progress);
  Result<Kernel> Load(const KernelPackage& kernel) const;
  std::vector<KernelPackage> Cached() const;
  bool IsCached(const KernelPackage& kernel) const;
  std::filesystem::path PlaceOf(const KernelPackage& kernel) const;
  Result<UniqueFd> Lock() const;

  const std::filesystem::path cache_;
  const CommandRunner run_;
  DebianApt apt_;
};

}  // namespace kct
