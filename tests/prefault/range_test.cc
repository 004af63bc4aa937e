// SPDX-License-Identifier: GPL-2.0-only
// How far KVM_PRE_FAULT_MEMORY gets, and how it says so.
#include <sys/mman.h>

#include <cstring>

#include "harness/abi/host_memory.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"

namespace kct {
namespace {

using testing::Ge;

class PrefaultRange : public VmTest<Need::kTdp, Need::kPrefault> {};
class PrefaultInSmm : public VmTest<Need::kTdp, Need::kPrefault, Need::kSmm> {};

// A default VM can be prefaulted as soon as it has a slot and a vCPU, and is then mapped.
KCT_TEST(PrefaultRange, WorksFromTheStart, "PREFAULT-12", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 8}));

  EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());

  ASSERT_OK_AND_ASSIGN(const uint64_t mapped, scene.vm.Statistic("pages_4k"));
  EXPECT_THAT(mapped, Ge(8u));
}

// A GPA without a slot has nothing to map.
KCT_TEST(PrefaultRange, FindsNoSlot, "PREFAULT-15", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());

  EXPECT_THAT(scene.vcpu.PreFault({scene.slot.range().end(), kPage}), FailsWith(ENOENT));
  EXPECT_THAT(scene.vcpu.PreFault({Scene::kGpa - kPage, kPage}), FailsWith(ENOENT));
  EXPECT_THAT(scene.vcpu.PreFault({Gpa{0}, kPage}), FailsWith(ENOENT));
}

// Even an address that no guest of this host can have is only one without a slot.
KCT_TEST(PrefaultRange, FindsNoSlotAboveTheAddressWidth, "PREFAULT-16", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());

  for (int bit : {51, 52, 57, 62, 63}) {
    EXPECT_THAT(scene.vcpu.PreFault({Gpa{uint64_t{1} << bit}, kPage}), FailsWith(ENOENT))
        << "gpa 2^" << bit;
  }
}

// KVM does not skip a hole to get at the pages behind it.
KCT_TEST(PrefaultRange, StopsAtAHoleInFront, "PREFAULT-17", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 2}));

  EXPECT_THAT(scene.vcpu.PreFault({Scene::kGpa - kPage, Pages(3)}), FailsWith(ENOENT));
  EXPECT_EQ(ResidenceOf(scene.slot.hva()), Residence::kAbsent);
}

// A range that runs off its slot: first the pages that there are, then the reason.
KCT_TEST(PrefaultRange, ReportsProgressBeforeAHole, "PREFAULT-18", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 3}));

  const PreFaultCall first = scene.vcpu.PreFault({Scene::kGpa, Pages(5)});

  ASSERT_THAT(first, Leaves(Pages(2)));
  EXPECT_THAT(scene.vcpu.PreFaultMemory(first.after), FailsWith(ENOENT));
}

// The same for pages whose host memory is gone.
KCT_TEST(PrefaultRange, ReportsProgressBeforeAMissingMapping, "PREFAULT-18", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 4}));
  ASSERT_TRUE(Unmap(scene.HvaOfPage(2), Pages(2)).ok());

  const PreFaultCall first = scene.vcpu.PreFault(scene.slot.range());

  ASSERT_THAT(first, Leaves(Pages(2)));
  EXPECT_THAT(scene.vcpu.PreFaultMemory(first.after), FailsWith(EFAULT));
}

// Doing it again is no error, for one caller or for another vCPU.
KCT_TEST(PrefaultRange, MayBeRepeated, "PREFAULT-20") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(Vcpu second, scene.vm.AddVcpu());
  ASSERT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());

  EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());
  EXPECT_THAT(second.PreFault(scene.slot.range()), Completes());
}

// Huge pages end where they end, but no call gets past the end that was asked for.
KCT_TEST(PrefaultRange, NeverPassesTheEndInsideAHugePage, "PREFAULT-21", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 2 * 512}));
  Madvise(scene.slot.hva(), scene.slot.size(), MADV_HUGEPAGE, "madvise HUGEPAGE");
  std::memset(scene.slot.memory().data(), 1, scene.slot.size().count);

  for (const GpaRange& range :
       {GpaRange{Scene::kGpa + Pages(1), Pages(2)}, GpaRange{Scene::kGpa + Pages(511), Pages(2)},
        GpaRange{Scene::kGpa + Pages(3), Pages(700)}, scene.slot.range()}) {
    const PreFaultCall call = scene.vcpu.PreFault(range);
    EXPECT_THAT(call, Completes());
    EXPECT_EQ(call.after.gpa, range.end().value);
  }
  ASSERT_OK_AND_ASSIGN(const uint64_t huge, scene.vm.Statistic("pages_2m"));
  ASSERT_REACHED(huge > 0, "a huge mapping (the host gave no huge page)");
}

// Prefault goes by the address space that the vCPU is in: 1 in system management mode.
KCT_TEST(PrefaultInSmm, UsesTheSmmAddressSpace, "PREFAULT-46") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 1}));
  const Gpa smm_gpa = Scene::kGpa + 2_MiB;
  ASSERT_OK_AND_ASSIGN(const Memslot smm_slot,
                       scene.vm.AddMemslot({.gpa = smm_gpa, .size = kPage, .address_space = 1}));
  EXPECT_THAT(scene.vcpu.PreFault({smm_gpa, kPage}), FailsWith(ENOENT));

  ASSERT_OK(scene.vcpu.SetMode(Vcpu::Mode::kSystemManagement));

  EXPECT_THAT(scene.vcpu.PreFault({smm_gpa, kPage}), Completes());
  EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), FailsWith(ENOENT));
}

// The call is not KVM_RUN: what kvm_run and the registers say stays.
KCT_TEST(PrefaultRange, LeavesTheVcpuAlone, "PREFAULT-48") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  constexpr uint32_t kPoison = 0xdead;
  scene.vcpu.run().exit_reason = kPoison;
  ASSERT_OK_AND_ASSIGN(const kvm_regs before, scene.vcpu.GetRegs());

  ASSERT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());

  ASSERT_OK_AND_ASSIGN(const kvm_regs after, scene.vcpu.GetRegs());
  EXPECT_EQ(scene.vcpu.run().exit_reason, kPoison);
  EXPECT_EQ(std::memcmp(&before, &after, sizeof before), 0);
}

}  // namespace
}  // namespace kct
