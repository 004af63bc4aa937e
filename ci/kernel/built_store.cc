// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/built_store.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

#include "ci/kernel/build_config.h"
#include "ci/kernel/local.h"
#include "harness/base/sha256.h"

namespace kct {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(BuiltKernel, config, id, release, source, compiler, built_at,
                                   steps)

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "built:";
constexpr std::string_view kLatest = "latest";
constexpr size_t kIdDigits = 10;

std::optional<BuiltKernel> ReadBuilt(const fs::path& file) {
  std::ifstream in(file);
  try {
    return nlohmann::json::parse(in).get<BuiltKernel>();
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // from another version of kct, or damaged: as good as none
  }
}

bool Fits(const BuiltKernel& built, const BuiltSpec& spec) {
  return (spec.config == kLatest || spec.config == built.config) &&
         (spec.id.empty() || spec.id == built.id);
}

}  // namespace

Result<BuiltSpec> BuiltSpec::Parse(std::string_view text) {
  const std::string_view rest = text.substr(std::min(kPrefix.size(), text.size()));
  const size_t at = rest.find('@');
  BuiltSpec spec;
  spec.config = rest.substr(0, at);
  if (at != std::string_view::npos) spec.id = rest.substr(at + 1);
  const bool whole = text.starts_with(kPrefix) && !spec.config.empty() &&
                     spec.config.find('/') == std::string::npos &&
                     (at == std::string_view::npos ||
                      (!spec.id.empty() && spec.id.find('/') == std::string::npos));
  if (!whole) {
    return MakeError(
        "kernel '{}': expected built:latest, built:CONFIG (built:sw-protected) or built:CONFIG@ID, "
        "as kct kernel list shows them",
        text);
  }
  if (spec.config != kLatest) spec.config = CanonicalConfigName(spec.config);
  return spec;
}

std::string BuiltSpec::Text() const {
  return std::string(kPrefix) + config + (id.empty() ? "" : "@" + id);
}

std::string BuildId(std::string_view source, std::string_view config, std::string_view compiler) {
  return Sha256(fmt::format("{}\n{}\n{}", source, compiler, config)).substr(0, kIdDigits);
}

std::vector<BuiltKernel> BuiltStore::List() const {
  std::vector<BuiltKernel> kernels;
  std::error_code none_yet;
  for (const auto& entry : fs::directory_iterator(folder_, none_yet)) {
    const auto built = ReadBuilt(entry.path() / "built.json");
    if (built && PlaceOf(*built) == entry.path()) kernels.push_back(*built);
  }
  std::sort(kernels.begin(), kernels.end(), [](const BuiltKernel& a, const BuiltKernel& b) {
    return std::tie(b.built_at, a.id) < std::tie(a.built_at, b.id);
  });
  return kernels;
}

Result<Kernel> BuiltStore::Load(const BuiltKernel& built) const {
  const fs::path place = PlaceOf(built);
  KCT_TRY(Kernel kernel, KernelFromFiles(place / "vmlinuz", place / "modules"));
  kernel.spec = built.Spec();
  return kernel;
}

Result<Kernel> BuiltStore::Get(std::string_view spec) const {
  KCT_TRY(const BuiltSpec wanted, BuiltSpec::Parse(spec));
  std::vector<std::string> others;
  for (const BuiltKernel& built : List()) {
    if (Fits(built, wanted)) return Load(built);
    others.push_back(built.Spec());
  }
  const std::string config = wanted.config == kLatest ? "sw-protected" : wanted.config;
  return MakeError("kernel {}: not built here (kct kernel build --config {}); there are: {}",
                   wanted.Text(), config,
                   others.empty() ? "none" : fmt::format("{}", fmt::join(others, ", ")));
}

Result<Kernel> BuiltStore::Add(const fs::path& fresh, const BuiltKernel& built) const {
  {
    std::ofstream file(fresh / "built.json");
    file << nlohmann::json(built).dump(2) << '\n' << std::flush;
    if (!file) return MakeError("can't write {}", (fresh / "built.json").string());
  }
  KCT_TRY_STATUS(KernelFromFiles(fresh / "vmlinuz", fresh / "modules"));
  fs::create_directories(folder_);
  fs::remove_all(PlaceOf(built));
  fs::rename(fresh, PlaceOf(built));
  return Load(built);
}

}  // namespace kct
