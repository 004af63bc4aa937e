// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/debian_index.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ci/kernel/debian_version.h"
#include "ci/kernel/version.h"

namespace kct {
namespace {

constexpr std::string_view kCloudEnding = "-cloud-amd64";
constexpr std::string_view kFullEnding = "-amd64";

// What a package holds of a kernel.
enum class Part { kImage, kBinary, kModules, kBase };

struct PartName {
  Part part;
  std::string release;
  bool is_signed;
};

// "linux-binary-unsigned-7.3.4+deb13-cloud-amd64" -> binary, 7.3.4+deb13-cloud-amd64, unsigned.
// Nothing for other packages, real-time kernels among them.
std::optional<PartName> ReadPackageName(std::string_view package) {
  struct Prefix {
    std::string_view text;
    Part part;
    bool is_signed;
  };
  static constexpr Prefix kPrefixes[] = {{"linux-image-", Part::kImage, true},
                                         {"linux-binary-unsigned-", Part::kBinary, false},
                                         {"linux-binary-", Part::kBinary, true},
                                         {"linux-modules-", Part::kModules, true},
                                         {"linux-base-", Part::kBase, true}};
  const auto prefix = std::find_if(std::begin(kPrefixes), std::end(kPrefixes),
                                   [&](const auto& p) { return package.starts_with(p.text); });
  if (prefix == std::end(kPrefixes)) return std::nullopt;
  std::string_view release = package.substr(prefix->text.size());
  bool is_signed = prefix->is_signed;
  if (constexpr std::string_view kUnsigned = "-unsigned"; release.ends_with(kUnsigned)) {
    release.remove_suffix(kUnsigned.size());
    is_signed = false;
  }
  const bool right_kind = release.ends_with(kFullEnding) && !release.ends_with("-rt-amd64");
  if (!right_kind || !KernelVersion::Parse(release)) return std::nullopt;
  return PartName{prefix->part, std::string(release), is_signed};
}

// The value of a field of a stanza; fields of continued lines are of no interest here.
std::string_view Field(std::string_view stanza, std::string_view name) {
  size_t at = 0;
  while (at < stanza.size()) {
    const std::string_view line = stanza.substr(at, stanza.find('\n', at) - at);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(": ")) {
      return line.substr(name.size() + 2);
    }
    at += line.size() + 1;
  }
  return {};
}

uint64_t Number(std::string_view text) {
  return std::strtoull(std::string(text).c_str(), nullptr, 10);
}

// The packages of one release and version.
using Parts = std::map<Part, IndexEntry>;

bool IsWhole(const IndexEntry& image) {
  // Meta packages depend on another image; split kernels on their parts.
  return image.depends.find("linux-image-") == std::string::npos &&
         image.depends.find("linux-binary-") == std::string::npos;
}

std::string NameOf(Part part, const std::string& release) {
  const char* const prefix = part == Part::kBinary    ? "linux-binary-"
                             : part == Part::kModules ? "linux-modules-"
                                                      : "linux-base-";
  return prefix + release;
}

void AddPackage(KernelPackage& kernel, const IndexEntry& entry) {
  kernel.packages.push_back(entry.package);
  kernel.download_bytes += entry.download.count;
  kernel.installed_bytes += entry.installed.count;
  if (kernel.suite.empty()) kernel.suite = entry.suite;
}

// Nothing for a meta package alone.
std::optional<KernelPackage> Assemble(const std::string& release, const std::string& version,
                                      const Parts& parts) {
  KernelPackage kernel{.version = version, .release = release};
  kernel.flavour = release.ends_with(kCloudEnding) ? "cloud" : "amd64";
  const auto image = parts.find(Part::kImage);
  if (image != parts.end() && IsWhole(image->second)) {
    AddPackage(kernel, image->second);
    return kernel;
  }
  for (const Part part : {Part::kBinary, Part::kModules, Part::kBase}) {
    if (const auto found = parts.find(part); found != parts.end()) {
      AddPackage(kernel, found->second);
    } else if (kernel.missing.empty()) {
      kernel.missing = NameOf(part, release);
    }
  }
  if (kernel.packages.empty()) return std::nullopt;
  return kernel;
}

std::string SeriesOf(const KernelPackage& kernel) {
  const auto version = KernelVersion::Parse(kernel.version);
  if (!version) return kernel.version;
  return fmt::format("{}.{}", version.value().major, version.value().minor);
}

// "6.1, 6.12, 7.3": oldest first.
std::string CompleteSeries(const std::string& flavour, const std::vector<KernelPackage>& kernels) {
  std::vector<std::string> series;
  for (auto kernel = kernels.rbegin(); kernel != kernels.rend(); ++kernel) {
    if (!kernel->missing.empty() || kernel->flavour != flavour) continue;
    if (series.empty() || series.back() != SeriesOf(*kernel)) series.push_back(SeriesOf(*kernel));
  }
  return series.empty() ? "none" : fmt::format("{}", fmt::join(series, ", "));
}

}  // namespace

std::string KernelPackage::Spec() const { return KernelSpec{version, flavour}.Text(); }

std::string KernelSpec::Text() const {
  return "debian:" + version + (flavour == "cloud" ? "" : "/" + flavour);
}

Result<KernelSpec> KernelSpec::Parse(std::string_view text) {
  constexpr std::string_view kPrefix = "debian:";
  const auto error = [&] {
    return MakeError(
        "kernel '{}': expected debian:latest, debian:SERIES (7.3) or debian:VERSION "
        "(6.12.117), with /cloud or /amd64 behind it if needed",
        text);
  };
  if (!text.starts_with(kPrefix)) return error();
  const std::string_view rest = text.substr(kPrefix.size());
  const size_t slash = rest.find('/');
  KernelSpec spec{std::string(rest.substr(0, slash)), "cloud"};
  if (slash != std::string_view::npos) spec.flavour = rest.substr(slash + 1);
  if (spec.flavour != "cloud" && spec.flavour != "amd64") return error();
  if (spec.version != "latest" && !KernelVersion::Parse(spec.version)) return error();
  if (const size_t at = spec.version.find("-rc"); at != std::string::npos) spec.version[at] = '~';
  return spec;
}

bool KernelSpec::Matches(const KernelPackage& kernel) const {
  if (kernel.flavour != flavour) return false;
  if (version == "latest") return kernel.version.find("~rc") == std::string::npos;
  if (version == kernel.version) return true;
  const std::string_view upstream = UpstreamPart(kernel.version);
  if (!upstream.starts_with(version)) return false;
  const std::string_view rest = upstream.substr(version.size());
  return rest.empty() || rest.front() == '.' || rest.front() == '~';
}

std::vector<IndexEntry> ParsePackages(std::string_view text, std::string_view suite) {
  std::vector<IndexEntry> entries;
  while (!text.empty()) {
    const std::string_view stanza = text.substr(0, text.find("\n\n"));
    text.remove_prefix(std::min(text.size(), stanza.size() + 2));
    const std::string_view package = Field(stanza, "Package");
    if (!ReadPackageName(package)) continue;
    entries.push_back({.suite = std::string(suite),
                       .package = std::string(package),
                       .version = std::string(Field(stanza, "Version")),
                       .depends = std::string(Field(stanza, "Depends")),
                       .download = {Number(Field(stanza, "Size"))},
                       .installed = {Number(Field(stanza, "Installed-Size")) << 10}});
  }
  return entries;
}

void SortKernels(std::vector<KernelPackage>& kernels) {
  std::stable_sort(kernels.begin(), kernels.end(),
                   [](const KernelPackage& a, const KernelPackage& b) {
                     const auto order = CompareDebianVersions(b.version, a.version);
                     return order != 0 ? order < 0 : a.flavour > b.flavour;
                   });
}

std::vector<KernelPackage> AssembleKernels(const std::vector<IndexEntry>& entries) {
  std::map<std::pair<std::string, std::string>, Parts> groups;
  for (const IndexEntry& entry : entries) {
    const auto name = ReadPackageName(entry.package);
    if (!name) continue;
    Parts& parts = groups[{name->release, entry.version}];
    // The first suite that has a package counts, and the signed build wins.
    const auto [known, added] = parts.emplace(name->part, entry);
    if (!added && name->is_signed && !ReadPackageName(known->second.package)->is_signed) {
      known->second = entry;
    }
  }
  std::vector<KernelPackage> kernels;
  for (const auto& [key, parts] : groups) {
    if (auto kernel = Assemble(key.first, key.second, parts)) kernels.push_back(*kernel);
  }
  SortKernels(kernels);
  return kernels;
}

Result<KernelPackage> ChooseKernel(const KernelSpec& spec,
                                   const std::vector<KernelPackage>& kernels) {
  const KernelPackage* incomplete = nullptr;
  for (const KernelPackage& kernel : kernels) {
    if (!spec.Matches(kernel)) continue;
    if (kernel.missing.empty()) return kernel;
    if (incomplete == nullptr) incomplete = &kernel;
  }
  const std::string series = CompleteSeries(spec.flavour, kernels);
  if (incomplete != nullptr) {
    return MakeError("kernel {}: the archive has {} of it, but not {}; complete series: {}",
                     spec.Text(), incomplete->packages.front(), incomplete->missing, series);
  }
  return MakeError("kernel {}: no such kernel in the archive; complete series: {}", spec.Text(),
                   series);
}

std::vector<KernelPackage> NewestOfEachSeries(const std::vector<KernelPackage>& kernels) {
  std::vector<KernelPackage> chosen;
  std::set<std::pair<std::string, std::string>> seen;
  for (const KernelPackage& kernel : kernels) {
    if (!kernel.missing.empty()) continue;
    const bool newest = seen.emplace(SeriesOf(kernel), kernel.flavour).second;
    if (newest || kernel.cached) chosen.push_back(kernel);
  }
  return chosen;
}

}  // namespace kct
