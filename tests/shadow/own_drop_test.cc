// SPDX-License-Identifier: GPL-2.0-only
// What KVM drops on its own account, with nobody to tell of a failure.
#include "harness/abi/host_memory.h"
#include "tests/shadow/nested_stage.h"

namespace kct {
namespace {

class ShadowOwnDrop : public VmTest<Need::kTdp, Need::kCpu, Need::kNestedSvm, Need::kThp> {};
class ShadowOwnDropOfApicv : public VmTest<Need::kApicv> {};

// The first shadow page of a table takes the huge mapping around it away from the hypervisor: the
// guest's run goes on, and so does that of a vCPU that had used the mapping.
KCT_TEST(ShadowOwnDrop, ANewShadowPageFailsNoRun, "MN-33", "SHADOW-11") {
  constexpr uint64_t kHuge = kHugePage / kPage;
  constexpr uint64_t kElsewhereInIt = kHuge - 1;
  ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make(kHuge));
  ASSERT_OK_AND_ASSIGN(GuestCpu hypervisor, stage.machine.AddCpu());
  ASSERT_THAT(Madvise(stage.slot.hva(), kHugePage, kCollapse, "madvise COLLAPSE"), Succeeds());
  ASSERT_OK(hypervisor.Load(Program()
                                .Write64(PageAt(kElsewhereInIt), 1)
                                .Out(kStop, 0)
                                .Write64(PageAt(kElsewhereInIt), 2)));
  ASSERT_THAT(hypervisor.Run(), IsOut(kStop));
  const uint64_t huge = stage.Count("pages_2m");
  ASSERT_REACHED(huge > 0, "a huge mapping around the tables");

  ASSERT_OK(stage.LoadReader(Program().Read64(kWindow)));
  ASSERT_THAT(stage.cpu.Run(), IsDone());
  ASSERT_THAT(hypervisor.Run(), IsDone());

  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));
  EXPECT_EQ(stage.Word(kElsewhereInIt), 2u);
  EXPECT_LT(stage.Count("pages_2m"), huge);
}

// An inhibited APICv takes the page of the local APIC away: neither the call that inhibits it nor
// the runs around it fail.
KCT_TEST(ShadowOwnDropOfApicv, AnInhibitFailsNeitherItselfNorARun, "MN-33") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene,
                       GuestScene::Make({.pages = 1, .interrupts = Interrupts::kInKernel}));
  for (const uint32_t control : {uint32_t{KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ}, 0u}) {
    ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, 7).Read64(kHome).Expect(7)));
    EXPECT_THAT(scene.cpu.Run(), IsDone());
    kvm_guest_debug debug = {};
    debug.control = control;
    EXPECT_THAT(IssueAt(scene.cpu.vcpu().fd(), KVM_SET_GUEST_DEBUG, &debug), Succeeds());
  }
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Expect(7)));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u);
}

}  // namespace
}  // namespace kct
