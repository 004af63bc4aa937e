// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/source_store.h"

#include <vector>

#include "ci/kernel/cache.h"

namespace kct {
namespace {

namespace fs = std::filesystem;

constexpr Duration kLockPatience = 10min;
// The package, the archive in it, and 1.6 GB of sources.
constexpr Bytes kNeeded{2400u << 20};

// "linux-source-7.3" of version "7.3.4-1~bpo13+1".
std::string PackageOf(const std::string& version) {
  const auto parsed = KernelVersion::Parse(version);
  if (!parsed) return "linux-source";
  return fmt::format("linux-source-{}.{}", parsed.value().major, parsed.value().minor);
}

Error NamedAfter(const std::string& spec, const Error& error) {
  return MakeError("sources of {}: {}", spec, error.message);
}

}  // namespace

SourceStore::SourceStore(fs::path cache, CommandRunner run)
    : cache_(fs::absolute(cache)), run_(run), kernels_(cache_, run), apt_(cache_ / "apt", run) {}

fs::path SourceStore::PlaceOf(const std::string& version) const {
  return cache_ / "sources" / (PackageOf(version) + "_" + version);
}

// Nobody but us writes there, so the version says what they are.
Result<SourceTree> SourceStore::Load(const std::string& version) const {
  KCT_TRY(SourceTree tree, CheckSourceTree(PlaceOf(version)));
  tree.name = "debian:" + version;
  tree.identity = tree.name;
  return tree;
}

Result<SourceTree> SourceStore::Newest(const KernelSpec& spec) const {
  std::vector<KernelPackage> here;
  std::error_code none_yet;
  for (const auto& entry : fs::directory_iterator(cache_ / "sources", none_yet)) {
    const std::string name = entry.path().filename().string();
    const size_t underscore = name.find('_');
    if (underscore == std::string::npos) continue;
    here.push_back({.version = name.substr(underscore + 1), .flavour = spec.flavour});
  }
  SortKernels(here);
  KCT_TRY(const KernelPackage chosen, ChooseKernel(spec, here));
  return Load(chosen.version);
}

Result<SourceTree> SourceStore::Get(std::string_view spec, const Progress& progress) {
  return Guarded(cache_, [&]() -> Result<SourceTree> {
    KCT_TRY(const KernelSpec parsed, KernelSpec::Parse(spec));
    if (auto exact = Load(parsed.version)) return exact;
    auto found = kernels_.Find(spec, progress);
    if (found) {
      const Status fetched = Fetch(found.value().version, progress);
      if (fetched) return Load(found.value().version);
      found = fetched.error();
    }
    auto older = Newest(parsed);
    if (!older) return found.error();
    progress(fmt::format("using the sources of {} from the cache: {}", older.value().name,
                         found.error().message));
    return older;
  });
}

Status SourceStore::Fetch(const std::string& version, const Progress& progress) {
  if (Load(version)) return {};
  KCT_TRY(const UniqueFd lock,
          LockFile(cache_ / "sources.lock", kLockPatience,
                   fmt::format("another kct has been fetching sources into {} for {:.0f} minutes",
                               cache_.string(), Seconds(kLockPatience) / 60)));
  if (Load(version)) return {};  // by another process, while we waited
  const std::string spec = "debian:" + version;
  KCT_TRY_STATUS(CheckSpace("sources of " + spec, kNeeded, cache_));
  const Scratch scratch(cache_ / "sources" / ".new");
  KCT_TRY_STATUS(Unpack(version, scratch.path(), progress));
  const fs::path fresh = scratch.path() / PackageOf(version);
  if (const auto tree = CheckSourceTree(fresh); !tree) return NamedAfter(spec, tree.error());
  fs::remove_all(PlaceOf(version));
  fs::rename(fresh, PlaceOf(version));
  return {};
}

// Downloads the package and unpacks the archive in it to SCRATCH/linux-source-7.3.
Status SourceStore::Unpack(const std::string& version, const fs::path& scratch,
                           const Progress& progress) {
  const std::string package = PackageOf(version);
  const std::string what = "sources of debian:" + version;
  progress(fmt::format("downloading {} {}", package, version));
  KCT_TRY_STATUS(apt_.Download(what, {package}, version, scratch));
  progress(fmt::format("unpacking {} (1.6 GB)", package));
  for (const auto& entry : fs::directory_iterator(scratch)) {
    if (entry.path().extension() != ".deb") continue;
    KCT_TRY(const CommandOutput output,
            run_({.argv = {"dpkg-deb", "-x", entry.path().string(), scratch / "root"}}));
    if (!output.ok()) return MakeError("{}: can't be unpacked: {}", what, output.Complaint());
  }
  const fs::path archive = scratch / "root/usr/src" / (package + ".tar.xz");
  KCT_TRY(const CommandOutput output,
          run_({.argv = {"tar", "-C", scratch.string(), "-xf", archive.string()}}));
  if (!output.ok()) return MakeError("{}: can't be unpacked: {}", what, output.Complaint());
  return {};
}

}  // namespace kct
