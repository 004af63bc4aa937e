// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/store.h"

#include <algorithm>

#include "ci/kernel/debian_version.h"
#include "ci/kernel/image.h"
#include "ci/kernel/index_file.h"
#include "ci/kernel/local.h"

namespace kct {
namespace {

namespace fs = std::filesystem;

constexpr Duration kIndexLife = 24h;
// How soon a kernel that is not in the index is worth another look at the archive.
constexpr Duration kUnknownLife = 1h;
constexpr Duration kLockPatience = 10min;
// Beyond the packages and their contents: indexes, directories, what else is going on.
constexpr uint64_t kSpareBytes = 64u << 20;
// The old and the new indexes at once. Asked for beforehand because apt hangs on a full disk.
constexpr uint64_t kIndexBytes = 200u << 20;

void MoveIfThere(const fs::path& from, const fs::path& to) {
  if (fs::exists(from)) fs::rename(from, to);
}

// From the layout of packages, old and split, to that of the cache.
void Arrange(const fs::path& root, const std::string& release, const fs::path& place) {
  fs::create_directories(place / "modules");
  for (const char* name : {"config", "System.map"}) {
    MoveIfThere(root / "boot" / fmt::format("{}-{}", name, release), place / name);
  }
  MoveIfThere(root / "boot" / ("vmlinuz-" + release), place / "vmlinuz");
  for (const char* modules : {"lib/modules", "usr/lib/modules"}) {
    const fs::path from = root / modules / release;
    for (const char* name : {"config", "System.map"}) MoveIfThere(from / name, place / name);
    for (const char* name : {"vmlinuz", "vmlinuz.unsigned"}) {
      MoveIfThere(from / name, place / "vmlinuz");
    }
    MoveIfThere(from, place / "modules" / release);
  }
}

}  // namespace

KernelStore::KernelStore(fs::path cache, CommandRunner run)
    : cache_(fs::absolute(cache)), run_(run), apt_(cache_ / "apt", run) {}

fs::path KernelStore::PlaceOf(const KernelPackage& kernel) const {
  return cache_ / "kernels" / (kernel.version + "_" + kernel.flavour);
}

bool KernelStore::IsCached(const KernelPackage& kernel) const {
  return fs::exists(PlaceOf(kernel) / "vmlinuz");
}

Result<Kernel> KernelStore::Load(const KernelPackage& kernel) const {
  const fs::path place = PlaceOf(kernel);
  KCT_TRY(Kernel loaded, KernelFromFiles(place / "vmlinuz", place / "modules"));
  loaded.spec = kernel.Spec();
  return loaded;
}

std::vector<KernelPackage> KernelStore::Cached() const {
  std::vector<KernelPackage> kernels;
  std::error_code none_yet;
  for (const auto& entry : fs::directory_iterator(cache_ / "kernels", none_yet)) {
    const std::string name = entry.path().filename().string();
    const size_t underscore = name.find('_');
    if (underscore == std::string::npos) continue;
    KernelPackage kernel{.version = name.substr(0, underscore)};
    kernel.flavour = name.substr(underscore + 1);
    const auto banner = ReadImageBanner(entry.path() / "vmlinuz");
    if (!banner) continue;
    kernel.release = banner.value().release;
    kernel.cached = true;
    kernels.push_back(kernel);
  }
  SortKernels(kernels);
  return kernels;
}

// One process at a time changes the cache.
Result<UniqueFd> KernelStore::Lock() const {
  return LockFile(
      cache_ / "lock", kLockPatience,
      fmt::format("another kct has been busy with the kernel cache {} for {:.0f} minutes",
                  cache_.string(), Seconds(kLockPatience) / 60));
}

// The archive's kernels. Fetched anew if the list is old, or lacks what is wanted.
Result<std::vector<KernelPackage>> KernelStore::Index(const KernelSpec* wanted,
                                                      const Progress& progress) {
  const auto good_enough = [&](const std::optional<StoredIndex>& index) {
    if (!index || index->age < Duration::zero()) return false;
    const bool known = wanted == nullptr || ChooseKernel(*wanted, index->kernels);
    return index->age < (known ? kIndexLife : kUnknownLife);
  };
  const fs::path file = cache_ / "debian.json";
  if (auto index = ReadIndexFile(file); good_enough(index)) return std::move(index->kernels);
  KCT_TRY(const UniqueFd lock, Lock());
  // Another process may have fetched it while we waited.
  auto index = ReadIndexFile(file);
  if (good_enough(index)) return std::move(index->kernels);
  const Status space =
      CheckSpace("package indexes of Debian", Bytes{kIndexBytes + kSpareBytes}, cache_);
  auto kernels = space ? apt_.Update(progress) : space.error();
  if (kernels) {
    KCT_TRY_STATUS(WriteIndexFile(file, kernels.value()));
    return kernels;
  }
  if (!index) return kernels;
  progress(fmt::format("using the package index of {:.0f} hours ago: {}",
                       Seconds(index->age) / 3600, kernels.error().message));
  return std::move(index->kernels);
}

Result<std::vector<KernelPackage>> KernelStore::List(const Progress& progress) {
  return Guarded(cache_, [&]() -> Result<std::vector<KernelPackage>> {
    auto kernels = Index(nullptr, progress);
    auto cached = Cached();
    if (!kernels && cached.empty()) return kernels;
    if (!kernels) {
      progress("only cached kernels are listed: " + kernels.error().message);
      return cached;
    }
    std::vector<KernelPackage> all = std::move(kernels).value();
    for (KernelPackage& kernel : cached) {
      const auto same = std::find_if(all.begin(), all.end(), [&](const KernelPackage& other) {
        return other.version == kernel.version && other.flavour == kernel.flavour;
      });
      if (same == all.end()) {
        all.push_back(std::move(kernel));
      } else {
        same->cached = true;
      }
    }
    SortKernels(all);
    return all;
  });
}

Result<Kernel> KernelStore::Get(std::string_view spec, const Progress& progress) {
  return Guarded(cache_, [&]() -> Result<Kernel> {
    KCT_TRY(const KernelSpec parsed, KernelSpec::Parse(spec));
    return Choose(parsed, progress);
  });
}

Result<KernelPackage> KernelStore::Find(std::string_view spec, const Progress& progress) {
  return Guarded(cache_, [&]() -> Result<KernelPackage> {
    KCT_TRY(const KernelSpec parsed, KernelSpec::Parse(spec));
    KCT_TRY(const std::vector<KernelPackage> kernels, Index(&parsed, progress));
    return ChooseKernel(parsed, kernels);
  });
}

Result<Kernel> KernelStore::Choose(const KernelSpec& spec, const Progress& progress) {
  const KernelPackage exact{.version = spec.version, .flavour = spec.flavour};
  if (IsCached(exact)) {
    if (auto kernel = Load(exact)) return kernel;
  }
  const auto index = Index(&spec, progress);
  auto chosen = index ? ChooseKernel(spec, index.value()) : Result<KernelPackage>(index.error());
  if (chosen) {
    auto kernel = Fetch(*chosen, progress);
    if (kernel) return kernel;
    chosen = kernel.error();
  }
  // Better an older build that is here than none at all.
  const auto cached = ChooseKernel(spec, Cached());
  if (!cached) return chosen.error();
  progress(
      fmt::format("using {} from the cache: {}", cached.value().Spec(), chosen.error().message));
  return Load(cached.value());
}

Result<Kernel> KernelStore::Fetch(const KernelPackage& kernel, const Progress& progress) {
  if (IsCached(kernel)) {
    if (auto loaded = Load(kernel)) return loaded;
  }
  KCT_TRY(const UniqueFd lock, Lock());
  if (auto loaded = Load(kernel)) return loaded;  // by another process, while we waited
  const Scratch scratch(cache_ / "kernels" / ".new");
  KCT_TRY_STATUS(CheckSpace("kernel " + kernel.Spec(),
                            Bytes{kernel.download_bytes + kernel.installed_bytes + kSpareBytes},
                            cache_));
  KCT_TRY_STATUS(Unpack(kernel, scratch.path(), progress));
  const fs::path fresh = scratch.path() / "kernel";
  Arrange(scratch.path() / "root", kernel.release, fresh);
  KCT_TRY_STATUS(KernelFromFiles(fresh / "vmlinuz", fresh / "modules"));
  fs::remove_all(PlaceOf(kernel));
  fs::rename(fresh, PlaceOf(kernel));
  return Load(kernel);
}

// Downloads the packages and unpacks them into SCRATCH/root.
Status KernelStore::Unpack(const KernelPackage& kernel, const fs::path& scratch,
                           const Progress& progress) {
  progress(fmt::format("downloading {} from {} ({} MB)", kernel.release, kernel.suite,
                       kernel.download_bytes >> 20));
  const fs::path debs = scratch / "debs";
  fs::create_directories(debs);
  KCT_TRY_STATUS(apt_.Download(kernel, debs));
  progress(fmt::format("unpacking {}", kernel.release));
  for (const auto& entry : fs::directory_iterator(debs)) {
    if (entry.path().extension() != ".deb") continue;
    KCT_TRY(const CommandOutput output,
            run_({.argv = {"dpkg-deb", "-x", entry.path().string(), scratch / "root"}}));
    if (!output.ok()) {
      return MakeError("kernel {}: {} can't be unpacked: {}", kernel.Spec(),
                       entry.path().filename().string(), output.Complaint());
    }
  }
  return {};
}

}  // namespace kct
