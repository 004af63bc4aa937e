// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/slowness.h"

#include <gtest/gtest.h>

#include "ci/kernel/fake_files.h"

namespace kct {
namespace {

TEST(SlownessOf, IsWhatTheConfigurationSays) {
  const TempDir dir;
  const Kernel kernel{.config = dir / "config"};
  EXPECT_EQ(SlownessOf(kernel), 1u);  // not known
  WriteFile(kernel.config, "CONFIG_KVM=m\n# CONFIG_KASAN is not set\nCONFIG_KASAN_SW_TAGS=y\n");
  EXPECT_EQ(SlownessOf(kernel), 1u);
  WriteFile(kernel.config, "CONFIG_KVM=m\nCONFIG_PROVE_LOCKING=y\n");
  EXPECT_EQ(SlownessOf(kernel), kCheckedSlowness);
}

}  // namespace
}  // namespace kct
