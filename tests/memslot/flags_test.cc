// SPDX-License-Identifier: GPL-2.0-only
// Flags: which there are, and which can be changed in the life of a slot.
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

class MemslotFlags : public VmTest<> {};
class MemslotFlagsRegion2 : public VmTest<Need::kRegion2> {};
class MemslotFlagsReadonly : public VmTest<Need::kReadonlyMem> {};
class MemslotFlagsGuestMemfd : public VmTest<Need::kRegion2, Need::kGuestMemfd> {};

// Dirty logging goes on and off again and again; there is a log to read exactly while it is on.
KCT_TEST(MemslotFlags, DirtyLoggingGoesOnAndOff, "MEMSLOT-06", "MEMSLOT-01") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  uint64_t bitmap = 0;

  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(slot.SetFlags(KVM_MEM_LOG_DIRTY_PAGES), Succeeds());
    EXPECT_THAT(vm.GetDirtyLog(slot.id(), &bitmap), Succeeds());
    EXPECT_THAT(slot.SetFlags(0), Succeeds());
    EXPECT_THAT(vm.GetDirtyLog(slot.id(), &bitmap), FailsWith(ENOENT));
  }

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
}

// Each flag but dirty logging and read-only is refused by the first ioctl, that of guest_memfd
// included.
KCT_TEST(MemslotFlags, UnknownOnesAreRefused, "MEMSLOT-20") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  kvm_userspace_memory_region region = RegionOf(memory, kHome);

  for (int bit = 2; bit < 32; ++bit) {
    region.flags = 1u << bit;
    EXPECT_THAT(vm.SetUserMemoryRegion(region), FailsWith(EINVAL)) << "flag " << bit;
    region.flags |= KVM_MEM_LOG_DIRTY_PAGES;
    EXPECT_THAT(vm.SetUserMemoryRegion(region), FailsWith(EINVAL)) << "flags 0 and " << bit;
  }

  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

// The second ioctl refuses what the first does, but for the flag of guest_memfd.
KCT_TEST(MemslotFlagsRegion2, UnknownOnesAreRefused, "MEMSLOT-20") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  kvm_userspace_memory_region2 region = Region2Of(RegionOf(memory, kHome));

  for (int bit = 3; bit < 32; ++bit) {
    region.flags = 1u << bit;
    EXPECT_THAT(vm.SetUserMemoryRegion2(region), FailsWith(EINVAL)) << "flag " << bit;
    region.flags |= KVM_MEM_LOG_DIRTY_PAGES;
    EXPECT_THAT(vm.SetUserMemoryRegion2(region), FailsWith(EINVAL)) << "flags 0 and " << bit;
  }

  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

// Dirty logging and read-only are flags that either ioctl creates a slot with, alone or together.
KCT_TEST(MemslotFlagsReadonly, KnownOnesAreAccepted, "MEMSLOT-20") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));

  for (uint32_t flags :
       {KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY}) {
    kvm_userspace_memory_region region = RegionOf(memory, kHome);
    region.flags = flags;
    EXPECT_THAT(vm.SetUserMemoryRegion(region), Succeeds());
    EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
    region.memory_size = 0;
    EXPECT_THAT(vm.SetUserMemoryRegion(region), Succeeds());
  }
}

// A slot is read-only from its creation to its end, or never.
KCT_TEST(MemslotFlagsReadonly, IsForLife, "MEMSLOT-05") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Memslot plain, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  ASSERT_OK_AND_ASSIGN(
      Memslot fixed,
      vm.AddMemslot({.gpa = 2_GiB_gpa, .size = Pages(4), .flags = KVM_MEM_READONLY}));

  EXPECT_THAT(plain.SetFlags(KVM_MEM_READONLY), FailsWith(EINVAL));
  EXPECT_THAT(fixed.SetFlags(0), FailsWith(EINVAL));
  EXPECT_THAT(fixed.SetFlags(KVM_MEM_LOG_DIRTY_PAGES), FailsWith(EINVAL));

  EXPECT_THAT(plain.SetFlags(KVM_MEM_LOG_DIRTY_PAGES), Succeeds());
  EXPECT_THAT(fixed.SetFlags(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY), Succeeds());
  EXPECT_THAT(fixed.SetFlags(KVM_MEM_READONLY), Succeeds());
}

// A guest_memfd of four pages that user space can map, and a slot on it at kHome.
struct GuestMemfdSlot {
  UniqueFd fd;
  Mapping memory;
  kvm_userspace_memory_region2 region;
};

Result<GuestMemfdSlot> MakeGuestMemfdSlot(const Vm& vm) {
  const auto call =
      vm.CreateGuestMemfd(Pages(4), GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
  if (!call.ok()) return MakeError("KVM_CREATE_GUEST_MEMFD: {}", call.error.Explain());
  UniqueFd fd(call.ret);
  KCT_TRY(Mapping memory, Mapping::OfFile(fd.get(), Pages(4)));
  kvm_userspace_memory_region2 region = Region2Of(RegionOf(memory, kHome));
  region.flags = KVM_MEM_GUEST_MEMFD;
  region.guest_memfd = static_cast<uint32_t>(fd.get());
  return GuestMemfdSlot{std::move(fd), std::move(memory), region};
}

// The second ioctl creates a slot on a guest_memfd.
KCT_TEST(MemslotFlagsGuestMemfd, MakesASlot, "MEMSLOT-20") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(GuestMemfdSlot slot, MakeGuestMemfdSlot(vm));

  EXPECT_THAT(vm.SetUserMemoryRegion2(slot.region), Succeeds());

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
}

// A slot on a guest_memfd logs no dirty pages and is not read-only.
KCT_TEST(MemslotFlagsGuestMemfd, GoesWithNoOtherFlag, "MEMSLOT-21", "MEMSLOT-20") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(GuestMemfdSlot slot, MakeGuestMemfdSlot(vm));

  for (uint32_t flag : {KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES}) {
    kvm_userspace_memory_region2 region = slot.region;
    region.flags |= flag;
    EXPECT_THAT(vm.SetUserMemoryRegion2(region), FailsWith(EINVAL));
  }

  EXPECT_THAT(TryPageAt(vm, kHome), Succeeds());
}

// A slot on a guest_memfd can be deleted, and nothing else: not moved, not repeated, not turned
// into a slot without one. Nor can a slot get one later.
KCT_TEST(MemslotFlagsGuestMemfd, IsForLife, "MEMSLOT-05") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(GuestMemfdSlot slot, MakeGuestMemfdSlot(vm));
  kvm_userspace_memory_region2 plain = slot.region, moved = slot.region, gone = slot.region;
  plain.flags = 0;
  moved.guest_phys_addr = (2_GiB_gpa).value;
  gone.memory_size = 0;
  ASSERT_THAT(vm.SetUserMemoryRegion2(slot.region), Succeeds());

  EXPECT_THAT(vm.SetUserMemoryRegion2(slot.region), FailsWith(EINVAL));
  EXPECT_THAT(vm.SetUserMemoryRegion2(moved), FailsWith(EINVAL));
  EXPECT_THAT(vm.SetUserMemoryRegion2(plain), FailsWith(EINVAL));
  EXPECT_THAT(vm.SetUserMemoryRegion2(gone), Succeeds());

  EXPECT_THAT(vm.SetUserMemoryRegion2(plain), Succeeds());
  EXPECT_THAT(vm.SetUserMemoryRegion2(slot.region), FailsWith(EINVAL));
}

}  // namespace
}  // namespace kct
