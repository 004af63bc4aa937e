// SPDX-License-Identifier: GPL-2.0-only
// Limits: of ids, address spaces, addresses and sizes.
#include <cpuid.h>

#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

class MemslotLimits : public VmTest<> {};
class MemslotLimitsTdp : public VmTest<Need::kTdp> {};
class MemslotLimitsShadow : public VmTest<Need::kShadow> {};

constexpr uint32_t kIds = 32764;

// Ids go up to KVM_CAP_NR_MEMSLOTS, 32764, and what is above it in 16 bits is refused.
KCT_TEST(MemslotLimits, IdsEndAtTheCapability, "MEMSLOT-17") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(1)));

  EXPECT_EQ(vm.CheckExtension(KVM_CAP_NR_MEMSLOTS), static_cast<int>(kIds));
  EXPECT_THAT(vm.SetUserMemoryRegion(RegionOf(memory, kHome, 0)), Succeeds());
  EXPECT_THAT(vm.SetUserMemoryRegion(RegionOf(memory, 2_GiB_gpa, kIds - 1)), Succeeds());
  for (uint32_t id : {kIds, kIds + 1, kIds + 2, kIds + 3, kIds + 4, 0xffffu}) {
    EXPECT_THAT(vm.SetUserMemoryRegion(RegionOf(memory, 3_GiB_gpa, id)), FailsWith(EINVAL)) << id;
  }

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
  EXPECT_THAT(TryPageAt(vm, 3_GiB_gpa), Succeeds());
}

// A default VM has the address spaces 0 and 1, as its capability says.
KCT_TEST(MemslotLimits, AddressSpacesEndAtTheCapability, "MEMSLOT-18") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(1)));
  const auto in_space = [&](uint32_t space) { return RegionOf(memory, kHome, 1 | space << 16); };

  EXPECT_EQ(vm.CheckExtension(KVM_CAP_MULTI_ADDRESS_SPACE), 2);
  EXPECT_THAT(vm.SetUserMemoryRegion(in_space(0)), Succeeds());
  EXPECT_THAT(vm.SetUserMemoryRegion(in_space(1)), Succeeds());
  for (uint32_t space : {2u, 3u, 0x7fffu, 0x8000u, 0xffffu}) {
    EXPECT_THAT(vm.SetUserMemoryRegion(in_space(space)), FailsWith(EINVAL)) << space;
  }
}

// A slot that ends with the last guest page of a machine with addresses of `width` bits is
// accepted; one that goes a page further is not, neither made there nor moved there.
void ExpectAddressesEndAt(int width) {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot low, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  const Gpa end{uint64_t{1} << width};
  const uint32_t id = low.id() + 1;

  EXPECT_THAT(vm.SetUserMemoryRegion(RegionOf(memory, end - Pages(3), id)), FailsWith(EINVAL));
  EXPECT_THAT(vm.SetUserMemoryRegion(RegionOf(memory, end, id)), FailsWith(EINVAL));
  EXPECT_THAT(low.MoveTo(end - Pages(3)), FailsWith(EINVAL));
  EXPECT_THAT(low.MoveTo(end), FailsWith(EINVAL));
  EXPECT_THAT(vm.SetUserMemoryRegion(RegionOf(memory, end - Pages(4), id)), Succeeds());
  EXPECT_THAT(low.MoveTo(end - Pages(8)), Succeeds());
}

// CPUID leaf 0x80000008 holds the width in the low byte of EAX.
int HostPhysicalAddressWidth() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  __get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx);
  return static_cast<int>(eax & 0xff);
}

// With two-dimensional paging a slot reaches as far as the host's physical addresses do.
KCT_TEST(MemslotLimitsTdp, AddressesEndWithTheHosts, "MEMSLOT-15") {
  ExpectAddressesEndAt(HostPhysicalAddressWidth());
}

// With shadow paging a slot reaches as far as the architecture allows.
KCT_TEST(MemslotLimitsShadow, AddressesEndAt52Bits, "MEMSLOT-15") { ExpectAddressesEndAt(52); }

constexpr uint64_t kMostPages = (uint64_t{1} << 31) - 1;

// Nothing need be mapped behind a slot, so its size costs user space nothing.
kvm_userspace_memory_region OfSize(uint64_t pages) {
  return {.slot = 1000,
          .flags = 0,
          .guest_phys_addr = (4_GiB_gpa).value,
          .memory_size = Pages(pages).count,
          .userspace_addr = 0};
}

// A slot of 2^31 pages or more is refused.
KCT_TEST(MemslotLimits, SizeEndsBelowTwoToThe31Pages, "MEMSLOT-19") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());

  for (uint64_t pages : {kMostPages + 1, kMostPages + 2, 2 * kMostPages}) {
    EXPECT_THAT(vm.SetUserMemoryRegion(OfSize(pages)), FailsWith(EINVAL)) << pages << " pages";
  }

  EXPECT_THAT(TryPageAt(vm, 4_GiB_gpa), Succeeds());
}

// One page more or less decides: with shadow paging, whose guest addresses are wide enough for
// such sizes everywhere, the larger one is refused at once while the smaller one gets as far as
// asking for its tables.
KCT_TEST(MemslotLimitsShadow, SizeEndsBelowTwoToThe31Pages, "MEMSLOT-19") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());

  EXPECT_THAT(vm.SetUserMemoryRegion(OfSize(kMostPages + 1)), FailsWith(EINVAL));
  EXPECT_THAT(vm.SetUserMemoryRegion(OfSize(kMostPages)),
              testing::AnyOf(Succeeds(), FailsWith(ENOMEM)));
}

// Shadow paging needs eight bytes of table a page: 16 GiB for the largest slot. Without them the
// creation is ENOMEM, its place stays free, and the slots that are there stay and can be moved.
KCT_TEST(MemslotLimitsShadow, OutOfMemoryLeavesTheLayout, "MEMSLOT-24") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));

  const MemoryRegionCall call = vm.SetUserMemoryRegion(OfSize(kMostPages));
  if (call.ok()) {
    ReportInconclusive("this host has 16 GiB to spare for the tables of a slot");
    return;
  }
  EXPECT_THAT(call, FailsWith(ENOMEM));

  EXPECT_THAT(TryPageAt(vm, 4_GiB_gpa), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
  EXPECT_THAT(slot.MoveTo(4_GiB_gpa), Succeeds());
  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

}  // namespace
}  // namespace kct
