// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace kct {
namespace {

std::string Availability(const KernelPackage& kernel) {
  return kernel.cached ? "cached" : fmt::format("{} MB", kernel.download_bytes >> 20);
}

}  // namespace

std::string KernelTable(const std::vector<KernelPackage>& kernels) {
  constexpr std::string_view kSpec = "kernel";
  constexpr std::string_view kRelease = "release";
  size_t spec_width = kSpec.size();
  size_t release_width = kRelease.size();
  for (const KernelPackage& kernel : kernels) {
    spec_width = std::max(spec_width, kernel.Spec().size());
    release_width = std::max(release_width, kernel.release.size());
  }
  const auto line = [&](std::string_view spec, std::string_view release, std::string_view get,
                        std::string_view suite) {
    return fmt::format("{:<{}}  {:<{}}  {:<8}  {}\n", spec, spec_width, release, release_width, get,
                       suite);
  };
  std::string text = line(kSpec, kRelease, "download", "suite");
  size_t incomplete = 0;
  for (const KernelPackage& kernel : kernels) {
    if (!kernel.missing.empty()) {
      ++incomplete;
      continue;
    }
    text += line(kernel.Spec(), kernel.release, Availability(kernel),
                 kernel.suite.empty() ? "(no longer in the archive)" : kernel.suite);
  }
  if (incomplete > 0) {
    text += fmt::format("{} more have packages missing in the archive.\n", incomplete);
  }
  return text;
}

}  // namespace kct
