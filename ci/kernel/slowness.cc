// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/slowness.h"

#include <algorithm>
#include <fstream>

#include "ci/kernel/build_config.h"

namespace kct {

unsigned SlownessOf(const Kernel& kernel) {
  std::ifstream file(kernel.config);
  const std::string config{std::istreambuf_iterator<char>(file), {}};
  constexpr std::string_view kCostly[] = {"CONFIG_KASAN", "CONFIG_KCSAN", "CONFIG_PROVE_LOCKING",
                                          "CONFIG_DEBUG_PAGEALLOC"};
  const bool checked = std::any_of(std::begin(kCostly), std::end(kCostly),
                                   [&](auto option) { return OptionIn(config, option) != "n"; });
  return checked ? kCheckedSlowness : 1;
}

}  // namespace kct
