// SPDX-License-Identifier: GPL-2.0-only
// How much of stage 2 a delete or a move drops, seen in the VM's statistics.
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class MemslotQuirk : public VmTest<> {};
class MemslotZapAll : public VmTest<Need::kTdp> {};
class MemslotZapOne : public VmTest<Need::kTdp, Need::kZapAllQuirk> {};

constexpr Bytes kOther = Pages(4);  // of the slot that goes

// Pages of 4 KiB that the VM has mapped; slots of a few pages have no larger ones.
Result<uint64_t> MappedSmallPages(const Vm& vm) { return vm.Statistic("pages_4k"); }

Result<uint64_t> MappedPages(const Vm& vm) {
  uint64_t pages = 0;
  for (const char* name : {"pages_4k", "pages_2m", "pages_1g"}) {
    KCT_TRY(const uint64_t count, vm.Statistic(name));
    pages += count;
  }
  return pages;
}

// The quirk is on offer, and can be turned off.
KCT_TEST(MemslotQuirk, CanBeDisabled, "MEMSLOT-33") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());

  EXPECT_EQ(vm.CheckExtension(KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_SLOT_ZAP_ALL,
            KVM_X86_QUIRK_SLOT_ZAP_ALL);
  EXPECT_THAT(vm.EnableCap(KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_SLOT_ZAP_ALL), Succeeds());
}

// With the quirk in force a delete leaves no entry of any slot; the guest goes on all the same.
KCT_TEST(MemslotZapAll, ADeleteDropsAllEntries, "MEMSLOT-32") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 16}));
  ASSERT_OK_AND_ASSIGN(Memslot other, scene.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kOther}));
  const Program touch =
      Program().WriteTouch(scene.slot.range(), 7).Out(1, 0).Touch(scene.slot.range());
  ASSERT_OK(scene.cpu.Load(touch));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));
  ASSERT_OK_AND_ASSIGN(const uint64_t before, MappedPages(scene.vm));
  ASSERT_GE(before, 16u);

  ASSERT_THAT(other.Delete(), Succeeds());

  ASSERT_OK_AND_ASSIGN(const uint64_t after, MappedPages(scene.vm));
  EXPECT_EQ(after, 0u) << "of " << before << " mapped pages";
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(2).value, 7u);
  ASSERT_OK_AND_ASSIGN(const uint64_t again, MappedPages(scene.vm));
  EXPECT_GE(again, 16u);
}

// So does a move.
KCT_TEST(MemslotZapAll, AMoveDropsAllEntries, "MEMSLOT-32") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 16}));
  ASSERT_OK_AND_ASSIGN(Memslot other, scene.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kOther}));
  ASSERT_OK(scene.cpu.Load(Program().WriteTouch(scene.slot.range(), 7)));
  ASSERT_THAT(scene.cpu.Run(), IsDone());
  ASSERT_OK_AND_ASSIGN(const uint64_t before, MappedPages(scene.vm));
  ASSERT_GE(before, 16u);

  ASSERT_THAT(other.MoveTo(3_GiB_gpa), Succeeds());

  ASSERT_OK_AND_ASSIGN(const uint64_t after, MappedPages(scene.vm));
  EXPECT_EQ(after, 0u) << "of " << before << " mapped pages";
}

// Without the quirk a delete drops the entries of its own slot, and those of no other.
KCT_TEST(MemslotZapOne, ADeleteLeavesOtherEntries, "MEMSLOT-46") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene,
                       GuestScene::Make({.pages = 16, .zap_all = ZapAllQuirk::kOff}));
  ASSERT_OK_AND_ASSIGN(Memslot other, scene.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kOther}));
  ASSERT_OK(
      scene.cpu.Load(Program().WriteTouch(scene.slot.range(), 7).WriteTouch(other.range(), 8)));
  ASSERT_THAT(scene.cpu.Run(), IsDone());
  ASSERT_OK_AND_ASSIGN(const uint64_t before, MappedSmallPages(scene.vm));
  ASSERT_GE(before, 16u + kOther / kPage);

  ASSERT_THAT(other.Delete(), Succeeds());

  ASSERT_OK_AND_ASSIGN(const uint64_t after, MappedSmallPages(scene.vm));
  EXPECT_EQ(after, before - kOther / kPage);
}

// A move without the quirk leaves them too.
KCT_TEST(MemslotZapOne, AMoveLeavesOtherEntries, "MEMSLOT-46") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene,
                       GuestScene::Make({.pages = 16, .zap_all = ZapAllQuirk::kOff}));
  ASSERT_OK_AND_ASSIGN(Memslot other, scene.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kOther}));
  ASSERT_OK(
      scene.cpu.Load(Program().WriteTouch(scene.slot.range(), 7).WriteTouch(other.range(), 8)));
  ASSERT_THAT(scene.cpu.Run(), IsDone());
  ASSERT_OK_AND_ASSIGN(const uint64_t before, MappedSmallPages(scene.vm));
  ASSERT_GE(before, 16u + kOther / kPage);

  ASSERT_THAT(other.MoveTo(3_GiB_gpa), Succeeds());

  ASSERT_OK_AND_ASSIGN(const uint64_t after, MappedSmallPages(scene.vm));
  EXPECT_EQ(after, before - kOther / kPage);
}

}  // namespace
}  // namespace kct
