// SPDX-License-Identifier: GPL-2.0-only
// Deleting slots.
#include <vector>

#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

class MemslotDelete : public VmTest<> {};

// Size 0 deletes: the place is free, for another slot and for the same one again.
KCT_TEST(MemslotDelete, FreesItsPlace, "MEMSLOT-01") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  ASSERT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));

  EXPECT_THAT(slot.Delete(), Succeeds());

  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
  EXPECT_THAT(slot.Restore(), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
}

// An id that was never used, or whose slot is gone, can't be deleted.
KCT_TEST(MemslotDelete, NeedsASlot, "MEMSLOT-10") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));

  EXPECT_THAT(vm.SetUserMemoryRegion({.slot = slot.id() + 1}), FailsWith(EINVAL));
  EXPECT_THAT(slot.Delete(), Succeeds());
  EXPECT_THAT(slot.Delete(), FailsWith(EINVAL));
}

struct BadDelete {
  std::string_view why;
  kvm_userspace_memory_region region;
};

// A delete is refused for what it has no use for: flags, guest address, host address. The slot
// survives that, and a delete without the fault takes it.
KCT_TEST(MemslotDelete, IsCheckedLikeAnyCall, "MEMSLOT-11") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  const uint64_t gpa = kHome.value, hva = slot.hva().value;
  const BadDelete rows[] = {
      {"unknown flag 3", {slot.id(), 1u << 3, gpa, 0, hva}},
      {"unknown flag 31", {slot.id(), 1u << 31, gpa, 0, hva}},
      {"guest address", {slot.id(), 0, gpa + 8, 0, hva}},
      {"host address", {slot.id(), 0, gpa, 0, hva + 8}},
  };

  for (const BadDelete& row : rows) {
    EXPECT_THAT(vm.SetUserMemoryRegion(row.region), FailsWith(EINVAL)) << row.why;
    EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST)) << row.why;
  }

  EXPECT_THAT(slot.Delete(), Succeeds());
}

}  // namespace
}  // namespace kct
