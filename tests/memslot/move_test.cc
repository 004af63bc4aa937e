// SPDX-License-Identifier: GPL-2.0-only
// Moving slots, and changes that are not on offer.
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

class MemslotMove : public VmTest<> {};
class MemslotChange : public VmTest<> {};

// The same size and host address at a new guest address move the slot: the new place is taken,
// the old one free.
KCT_TEST(MemslotMove, TakesTheNewPlaceAndFreesTheOld, "MEMSLOT-01") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));

  EXPECT_THAT(slot.MoveTo(2_GiB_gpa), Succeeds());

  EXPECT_THAT(TryPageAt(vm, 2_GiB_gpa), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, 2_GiB_gpa + Pages(4)), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

// A slot may move by less than its size, up and down: it is not in its own way.
KCT_TEST(MemslotMove, MayOverlapItself, "MEMSLOT-08") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));

  EXPECT_THAT(slot.MoveTo(kHome + Pages(1)), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome + Pages(4)), FailsWith(EEXIST));

  EXPECT_THAT(slot.MoveTo(kHome - Pages(2)), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome - Pages(2)), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, kHome + Pages(2)), Succeeds());
}

// Another size, larger or smaller, is refused, and the slot keeps the one it has.
KCT_TEST(MemslotChange, OfTheSizeIsRefused, "MEMSLOT-03") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  for (uint64_t pages : {1, 3, 5, 512}) {
    kvm_userspace_memory_region resized = slot.region();
    resized.memory_size = Pages(pages).count;
    EXPECT_THAT(vm.SetUserMemoryRegion(resized), FailsWith(EINVAL));
    resized.guest_phys_addr = (2_GiB_gpa).value;
    EXPECT_THAT(vm.SetUserMemoryRegion(resized), FailsWith(EINVAL));
  }

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, kHome + Pages(3)), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, kHome + Pages(4)), Succeeds());
  EXPECT_THAT(TryPageAt(vm, 2_GiB_gpa), Succeeds());
}

// Another host address is refused, alone and with a move, and the slot stays where it is.
KCT_TEST(MemslotChange, OfTheHostAddressIsRefused, "MEMSLOT-04") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  ASSERT_OK_AND_ASSIGN(Mapping other, Mapping::Anonymous(Pages(4)));

  EXPECT_THAT(vm.SetUserMemoryRegion(RegionOf(other, kHome, slot.id())), FailsWith(EINVAL));
  EXPECT_THAT(vm.SetUserMemoryRegion(RegionOf(other, 2_GiB_gpa, slot.id())), FailsWith(EINVAL));

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, 2_GiB_gpa), Succeeds());
  EXPECT_THAT(slot.Restore(), Succeeds());
}

}  // namespace
}  // namespace kct
