// SPDX-License-Identifier: GPL-2.0-only
// The list of the archive's kernels, kept between runs.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "ci/kernel/debian_index.h"
#include "harness/base/clock.h"
#include "harness/base/result.h"

namespace kct {

struct StoredIndex {
  std::vector<KernelPackage> kernels;
  Duration age{};
};

// Nothing where the file is missing, or not as we write it.
std::optional<StoredIndex> ReadIndexFile(const std::filesystem::path& file);

// Replaces the file in one step.
Status WriteIndexFile(const std::filesystem::path& file, const std::vector<KernelPackage>& kernels);

}  // namespace kct
