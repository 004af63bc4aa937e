// SPDX-License-Identifier: GPL-2.0-only
// Creating slots: what is a creation, and what of the host's memory it asks for.
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

class MemslotCreate : public VmTest<> {};
class MemslotCreateRegion2 : public VmTest<Need::kRegion2> {};

// An unused id makes a slot, which covers its own pages and no others.
KCT_TEST(MemslotCreate, AnUnusedIdMakesASlot, "MEMSLOT-01", "MEMSLOT-07") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));

  EXPECT_THAT(vm.SetUserMemoryRegion(RegionOf(memory, kHome)), Succeeds());

  EXPECT_THAT(TryPageAt(vm, kHome - kPage), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, kHome + Pages(3)), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, kHome + Pages(4)), Succeeds());
}

// The second ioctl makes the same slots as the first.
KCT_TEST(MemslotCreateRegion2, AnUnusedIdMakesASlot, "MEMSLOT-01") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));

  EXPECT_THAT(vm.SetUserMemoryRegion2(Region2Of(RegionOf(memory, kHome))), Succeeds());

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, kHome + Pages(4)), Succeeds());
}

// Setting a slot to what it is succeeds, as often as one likes, and the slot stays where it is.
KCT_TEST(MemslotCreate, RepeatingItChangesNothing, "MEMSLOT-02") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));

  EXPECT_THAT(slot.Restore(), Succeeds());
  EXPECT_THAT(slot.Restore(), Succeeds());

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, kHome + Pages(4)), Succeeds());
}

// Setting a slot that logs dirty pages to what it is takes nothing from its log.
KCT_TEST(MemslotCreate, RepeatingItKeepsTheFlags, "MEMSLOT-02") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(
      Memslot slot,
      vm.AddMemslot({.gpa = kHome, .size = Pages(4), .flags = KVM_MEM_LOG_DIRTY_PAGES}));

  EXPECT_THAT(slot.Restore(), Succeeds());

  uint64_t bitmap = 0;
  EXPECT_THAT(vm.GetDirtyLog(slot.id(), &bitmap), Succeeds());
  EXPECT_EQ(bitmap, 0u);
}

// A host range with nothing mapped in it will do, whether or not there ever was something.
KCT_TEST(MemslotCreate, NothingNeedBeMapped, "MEMSLOT-13") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  const kvm_userspace_memory_region region = RegionOf(memory, kHome);
  memory = Mapping();

  EXPECT_THAT(vm.SetUserMemoryRegion(region), Succeeds());

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
}

// Host address 0 is an address like any other.
KCT_TEST(MemslotCreate, AddressZeroWillDo, "MEMSLOT-13") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());

  EXPECT_THAT(vm.SetUserMemoryRegion({.slot = 1,
                                      .flags = 0,
                                      .guest_phys_addr = kHome.value,
                                      .memory_size = Pages(4).count,
                                      .userspace_addr = 0}),
              Succeeds());

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
}

}  // namespace
}  // namespace kct
