// SPDX-License-Identifier: GPL-2.0-only
// What KVM_GET_STATS_FD says of the memory side.
#include "tests/shadow/stage.h"

namespace kct {
namespace {

class ShadowCounts : public VmTest<> {};

// Each VM and each vCPU has these counts, in every paging mode.
KCT_TEST(ShadowCounts, AreThereByTheirNames, "SHADOW-16") {
  ASSERT_OK_AND_ASSIGN(const GuestScene scene, GuestScene::Make());
  for (const char* name : {"mmu_shadow_zapped", "mmu_pte_write", "mmu_pde_zapped", "mmu_flooded",
                           "mmu_recycled", "mmu_cache_miss", "mmu_unsync", "mmu_shadow_pages",
                           "pages_4k", "pages_2m", "pages_1g", "nx_lpage_splits"}) {
    const Result<uint64_t> value = scene.vm.Statistic(name);
    EXPECT_TRUE(value.ok()) << value.error().message;
  }
  for (const char* name : {"pf_taken", "pf_fixed", "pf_emulate", "pf_spurious", "pf_fast",
                           "pf_mmio_spte_created", "pf_guest"}) {
    const Result<uint64_t> value = scene.cpu.vcpu().Statistic(name);
    EXPECT_TRUE(value.ok()) << value.error().message;
  }
}

}  // namespace
}  // namespace kct
