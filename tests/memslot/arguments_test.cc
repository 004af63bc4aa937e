// SPDX-License-Identifier: GPL-2.0-only
// Arguments that are refused whatever the layout is: alignment, addresses, padding, pointers.
#include <vector>

#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

class MemslotArguments : public VmTest<> {};
class MemslotArgumentsRegion2 : public VmTest<Need::kRegion2> {};

struct BadRegion {
  std::string_view why;
  kvm_userspace_memory_region region;
};

// A slot of four pages at kHome with one of its words replaced.
kvm_userspace_memory_region With(const Mapping& memory, __u64 kvm_userspace_memory_region::*word,
                                 uint64_t value) {
  kvm_userspace_memory_region region = RegionOf(memory, kHome);
  region.*word = value;
  return region;
}

using Region = kvm_userspace_memory_region;

// Guest address, host address and size must be multiples of a page; nothing is created otherwise.
KCT_TEST(MemslotArguments, MustBePageAligned, "MEMSLOT-12") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  std::vector<BadRegion> rows;
  for (uint64_t off : {1, 8, 512, 2048, 4095}) {
    rows.push_back({"guest address", With(memory, &Region::guest_phys_addr, kHome.value + off)});
    rows.push_back(
        {"host address", With(memory, &Region::userspace_addr, memory.hva().value + off)});
    rows.push_back({"size", With(memory, &Region::memory_size, Pages(3).count + off)});
  }

  for (const BadRegion& row : rows) {
    EXPECT_THAT(vm.SetUserMemoryRegion(row.region), FailsWith(EINVAL)) << row.why;
  }

  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

// The second ioctl wants the same alignment.
KCT_TEST(MemslotArgumentsRegion2, MustBePageAligned, "MEMSLOT-12") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  const BadRegion rows[] = {
      {"guest address", With(memory, &Region::guest_phys_addr, kHome.value + 1)},
      {"host address", With(memory, &Region::userspace_addr, memory.hva().value + 2048)},
      {"size", With(memory, &Region::memory_size, Pages(3).count + 4095)},
  };

  for (const BadRegion& row : rows) {
    EXPECT_THAT(vm.SetUserMemoryRegion2(Region2Of(row.region)), FailsWith(EINVAL)) << row.why;
  }

  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

// A host range that is not user space from end to end is refused: the kernel's half, one that
// wraps, one whose last page is above the user addresses of five-level paging too.
KCT_TEST(MemslotArguments, HostRangeMustBeUserSpace, "MEMSLOT-13") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  const BadRegion rows[] = {
      {"kernel half", With(memory, &Region::userspace_addr, 0xffff800000000000)},
      {"last address", With(memory, &Region::userspace_addr, -Pages(4).count)},
      {"wraps to zero", With(memory, &Region::userspace_addr, -Pages(2).count)},
      {"between the halves", With(memory, &Region::userspace_addr, uint64_t{1} << 63)},
  };

  for (const BadRegion& row : rows) {
    EXPECT_THAT(vm.SetUserMemoryRegion(row.region), FailsWith(EINVAL)) << row.why;
  }

  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

// guest_phys_addr + memory_size may neither pass 2^64 nor be it.
KCT_TEST(MemslotArguments, MustNotWrapInGuestMemory, "MEMSLOT-14") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  const BadRegion rows[] = {
      {"ends at 2^64", With(memory, &Region::guest_phys_addr, -Pages(4).count)},
      {"a page beyond", With(memory, &Region::guest_phys_addr, -Pages(3).count)},
      {"all but a page beyond", With(memory, &Region::guest_phys_addr, -Pages(1).count)},
  };

  for (const BadRegion& row : rows) {
    EXPECT_THAT(vm.SetUserMemoryRegion(row.region), FailsWith(EINVAL)) << row.why;
  }

  EXPECT_THAT(TryPageAt(vm, {0}), Succeeds());
}

// What is in pad1 and pad2 makes no difference, neither to an error nor to a slot.
KCT_TEST(MemslotArgumentsRegion2, PaddingIsIgnored, "MEMSLOT-22") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  kvm_userspace_memory_region2 region = Region2Of(RegionOf(memory, kHome));
  region.pad1 = ~0u;
  for (__u64& word : region.pad2) word = ~0ull;

  EXPECT_THAT(vm.SetUserMemoryRegion2(region), Succeeds());

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
  region.guest_phys_addr += 1;
  EXPECT_THAT(vm.SetUserMemoryRegion2(region), FailsWith(EINVAL));
  region.guest_phys_addr -= 1;
  region.memory_size = 0;
  EXPECT_THAT(vm.SetUserMemoryRegion2(region), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

// Two pages of which only the first can be read.
Result<Mapping> HalfReadable() {
  KCT_TRY(Mapping pages, Mapping::Anonymous(Pages(2)));
  if (mprotect(static_cast<char*>(pages.data()) + kPage.count, kPage.count, PROT_NONE) != 0) {
    return MakeError("mprotect: {}", LastErrno().Explain());
  }
  return pages;
}

// An argument that can't be read, or not to its end, is EFAULT.
KCT_TEST(MemslotArguments, UnreadableArgumentIsEfault, "MEMSLOT-23") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping pages, HalfReadable());
  char* const end = static_cast<char*>(pages.data()) + kPage.count;

  EXPECT_THAT(IssueAt(vm.fd(), KVM_SET_USER_MEMORY_REGION, nullptr), FailsWith(EFAULT));
  EXPECT_THAT(IssueAt(vm.fd(), KVM_SET_USER_MEMORY_REGION, end), FailsWith(EFAULT));
  EXPECT_THAT(IssueAt(vm.fd(), KVM_SET_USER_MEMORY_REGION, end - 24), FailsWith(EFAULT));
}

// The same for the second ioctl, whose argument is longer.
KCT_TEST(MemslotArgumentsRegion2, UnreadableArgumentIsEfault, "MEMSLOT-23") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping pages, HalfReadable());
  char* const end = static_cast<char*>(pages.data()) + kPage.count;

  EXPECT_THAT(IssueAt(vm.fd(), KVM_SET_USER_MEMORY_REGION2, nullptr), FailsWith(EFAULT));
  EXPECT_THAT(IssueAt(vm.fd(), KVM_SET_USER_MEMORY_REGION2, end), FailsWith(EFAULT));
  EXPECT_THAT(IssueAt(vm.fd(), KVM_SET_USER_MEMORY_REGION2, end - 32), FailsWith(EFAULT));
}

}  // namespace
}  // namespace kct
