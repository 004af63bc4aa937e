// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace kct {
namespace {

std::string Availability(const KernelPackage& kernel) {
  return kernel.cached ? "cached" : fmt::format("{} MB", kernel.download_bytes >> 20);
}

using Row = std::array<std::string, 4>;

std::string Aligned(const std::vector<Row>& rows) {
  std::array<size_t, 3> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {}\n", row[0], widths[0], row[1], widths[1],
                        row[2], widths[2], row[3]);
  }
  return text;
}

// "2026-11-24"
std::string Day(uint64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(time)};
  return fmt::format("{}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

}  // namespace

std::string BuiltTable(const std::vector<BuiltKernel>& kernels) {
  std::vector<Row> rows = {{"kernel", "release", "built", "sources"}};
  for (const BuiltKernel& kernel : kernels) {
    rows.push_back({kernel.Spec(), kernel.release, Day(kernel.built_at), kernel.source});
  }
  return Aligned(rows);
}

std::string KernelTable(const std::vector<KernelPackage>& kernels) {
  std::vector<Row> rows = {{"kernel", "release", "download", "suite"}};
  size_t incomplete = 0;
  for (const KernelPackage& kernel : kernels) {
    if (!kernel.missing.empty()) {
      ++incomplete;
      continue;
    }
    rows.push_back({kernel.Spec(), kernel.release, Availability(kernel),
                    kernel.suite.empty() ? "(no longer in the archive)" : kernel.suite});
  }
  std::string text = Aligned(rows);
  if (incomplete > 0) {
    text += fmt::format("{} more have packages missing in the archive.\n", incomplete);
  }
  return text;
}

}  // namespace kct
