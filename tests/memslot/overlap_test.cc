// SPDX-License-Identifier: GPL-2.0-only
// Slots that meet: in guest memory they may not, in host memory they may.
#include <vector>

#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

class MemslotOverlap : public VmTest<> {};

struct Placement {
  std::string_view where;
  Gpa gpa;
  Bytes size;
};

// Places that share a page or more with a slot of four pages at kHome.
constexpr Placement kOverlaps[] = {
    {"equal", kHome, Pages(4)},
    {"over its first page", kHome - Pages(3), Pages(4)},
    {"over its last page", kHome + Pages(3), Pages(4)},
    {"inside", kHome + Pages(1), Pages(2)},
    {"all around", kHome - Pages(1), Pages(6)},
};

// Creating a slot over a page of another one is EEXIST; next to it there is room.
KCT_TEST(MemslotOverlap, CreationOverASlotIsEexist, "MEMSLOT-07") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(6)));

  for (const Placement& place : kOverlaps) {
    kvm_userspace_memory_region region = RegionOf(memory, place.gpa, slot.id() + 1);
    region.memory_size = place.size.count;
    EXPECT_THAT(vm.SetUserMemoryRegion(region), FailsWith(EEXIST)) << place.where;
  }

  EXPECT_THAT(TryPageAt(vm, kHome - Pages(1)), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome + Pages(4)), Succeeds());
}

// Moving a slot onto a page of another one is EEXIST, and it stays where it was.
KCT_TEST(MemslotOverlap, MoveOntoASlotIsEexist, "MEMSLOT-07") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot fixed, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  ASSERT_OK_AND_ASSIGN(Memslot moving, vm.AddMemslot({.gpa = 2_GiB_gpa, .size = Pages(4)}));

  for (Gpa gpa : {kHome - Pages(3), kHome, kHome + Pages(3)}) {
    EXPECT_THAT(moving.MoveTo(gpa), FailsWith(EEXIST));
  }

  EXPECT_THAT(TryPageAt(vm, 2_GiB_gpa), FailsWith(EEXIST));
  EXPECT_THAT(moving.MoveTo(kHome + Pages(4)), Succeeds());
  EXPECT_THAT(fixed.Delete(), Succeeds());
  EXPECT_THAT(moving.MoveTo(kHome + Pages(3)), Succeeds());
}

// The two address spaces of a VM are two layouts: the same GPA is free in the other one.
KCT_TEST(MemslotOverlap, AddressSpacesAreApart, "MEMSLOT-07", "MEMSLOT-18") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  kvm_userspace_memory_region other = slot.region();
  other.slot |= 1u << 16;

  EXPECT_THAT(vm.SetUserMemoryRegion(other), Succeeds());

  ++other.slot;
  EXPECT_THAT(vm.SetUserMemoryRegion(other), FailsWith(EEXIST));
  EXPECT_THAT(slot.Delete(), Succeeds());
  EXPECT_THAT(vm.SetUserMemoryRegion(other), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

}  // namespace
}  // namespace kct
