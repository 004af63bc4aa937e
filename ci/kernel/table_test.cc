// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/table.h"

#include <gtest/gtest.h>

namespace kct {
namespace {

TEST(KernelTable, AlignsItsColumnsAndCountsWhatIsIncomplete) {
  const std::vector<KernelPackage> kernels = {
      {.version = "7.3.4-1~bpo13+1",
       .release = "7.3.4+deb13-cloud-amd64",
       .suite = "trixie-backports",
       .flavour = "cloud",
       .download_bytes = 37u << 20},
      {.version = "7.0.13-1", .flavour = "cloud", .missing = "linux-modules-7.0.13"},
      {.version = "6.1.192-2",
       .release = "6.1.0-56-amd64",
       .suite = "",
       .flavour = "amd64",
       .cached = true},
  };
  EXPECT_EQ(
      KernelTable(kernels),
      "kernel                  release                  download  suite\n"
      "debian:7.3.4-1~bpo13+1  7.3.4+deb13-cloud-amd64  37 MB     trixie-backports\n"
      "debian:6.1.192-2/amd64  6.1.0-56-amd64           cached    (no longer in the archive)\n"
      "1 more have packages missing in the archive.\n");
}

TEST(BuiltTable, SaysWhatEachWasBuiltFromAndWhen) {
  const std::vector<BuiltKernel> kernels = {{.config = "debug,sw-protected",
                                             .id = "3fa9c2d1ab",
                                             .release = "7.3.4-debug-sw-protected",
                                             .source = "debian:7.3.4-1~bpo13+1",
                                             .compiler = "gcc 12",
                                             .built_at = 1795478400}};
  EXPECT_EQ(BuiltTable(kernels),
            "kernel                               release                   built       sources\n"
            "built:debug,sw-protected@3fa9c2d1ab  7.3.4-debug-sw-protected  2026-11-24  "
            "debian:7.3.4-1~bpo13+1\n");
}

}  // namespace
}  // namespace kct
