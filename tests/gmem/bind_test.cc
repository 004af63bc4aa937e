// SPDX-License-Identifier: GPL-2.0-only
// Slots on a file: what is bound, what is refused, and what can become of such a slot.
#include <sys/mman.h>

#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/gmem/scene.h"

namespace kct {
namespace {

class GmemBinding : public VmTest<Need::kRegion2, Need::kGuestMemfd> {};

constexpr uint64_t kFilePages = 8;

// A VM and a file of eight pages that no slot is on yet.
struct Unbound {
  Vm vm;
  GuestMemfd file;

  static Result<Unbound> Make() {
    KCT_TRY(Vm vm, Vm::Create());
    KCT_TRY(GuestMemfd file, GuestMemfd::Create(vm, Pages(kFilePages)));
    return Unbound{std::move(vm), std::move(file)};
  }
  // A slot of `pages` pages at kHome, with the file from its start.
  kvm_userspace_memory_region2 Region(uint64_t pages = 4) const {
    return GuestMemfdSlot(vm, file, {.slot = kSlot, .gpa = kHome, .size = Pages(pages)}).region();
  }
};

// Makes the slot; one that came about is deleted again.
MemoryRegion2Call TryRegion(const Vm& vm, const kvm_userspace_memory_region2& region) {
  const MemoryRegion2Call call = vm.SetUserMemoryRegion2(region);
  if (call.ok()) {
    kvm_userspace_memory_region2 none = region;
    none.memory_size = 0;
    vm.SetUserMemoryRegion2(none);
  }
  return call;
}

// The descriptor is a guest_memfd of this VM: not none, not another kind, not another VM's.
KCT_TEST(GmemBinding, NeedsAFileOfItsVm, "GMEM-19") {
  ASSERT_OK_AND_ASSIGN(const Unbound scene, Unbound::Make());
  ASSERT_OK_AND_ASSIGN(const Unbound stranger, Unbound::Make());
  kvm_userspace_memory_region2 region = scene.Region();

  for (const uint32_t none : {~uint32_t{0}, uint32_t{1} << 30, uint32_t{9999}}) {
    region.guest_memfd = none;
    EXPECT_THAT(TryRegion(scene.vm, region), FailsWith(EBADF)) << "descriptor " << none;
  }
  const UniqueFd memfd(memfd_create("other", MFD_CLOEXEC));
  for (const int other : {memfd.get(), scene.vm.fd(), scene.vm.kvm().fd(), stranger.file.fd()}) {
    region.guest_memfd = static_cast<uint32_t>(other);
    EXPECT_THAT(TryRegion(scene.vm, region), FailsWith(EINVAL)) << "descriptor " << other;
  }
  EXPECT_THAT(TryRegion(scene.vm, scene.Region()), Succeeds());
}

// A file that was closed is no file.
KCT_TEST(GmemBinding, FindsNoClosedFile, "GMEM-19") {
  ASSERT_OK_AND_ASSIGN(Unbound scene, Unbound::Make());
  const kvm_userspace_memory_region2 region = scene.Region();
  scene.file.Close();
  EXPECT_THAT(TryRegion(scene.vm, region), FailsWith(EBADF));
}

// The range is made of pages of the file.
KCT_TEST(GmemBinding, StaysInsideTheFile, "GMEM-20") {
  ASSERT_OK_AND_ASSIGN(const Unbound scene, Unbound::Make());
  kvm_userspace_memory_region2 region = scene.Region(4);

  for (const uint64_t offset :
       {uint64_t{1}, kPage.count / 2, Pages(5).count, Pages(8).count, uint64_t{1} << 62,
        uint64_t{1} << 63, ~uint64_t{0} - Pages(4).count + 1, ~uint64_t{0} - kPage.count + 1}) {
    region.guest_memfd_offset = offset;
    EXPECT_THAT(TryRegion(scene.vm, region), FailsWith(EINVAL)) << "offset " << offset;
  }
  for (uint64_t page = 0; page <= 4; ++page) {
    region.guest_memfd_offset = Pages(page).count;
    EXPECT_THAT(TryRegion(scene.vm, region), Succeeds()) << "page " << page;
  }
}

// An offset that can be in no file is named before a descriptor that is none.
KCT_TEST(GmemBinding, NamesABadOffsetBeforeABadDescriptor, "GMEM-20") {
  ASSERT_OK_AND_ASSIGN(const Unbound scene, Unbound::Make());
  kvm_userspace_memory_region2 region = scene.Region();
  region.guest_memfd = 9999;
  for (const uint64_t offset : {uint64_t{1}, ~uint64_t{0} - kPage.count + 1}) {
    region.guest_memfd_offset = offset;
    EXPECT_THAT(TryRegion(scene.vm, region), FailsWith(EINVAL)) << "offset " << offset;
  }
}

// No page of the file is in two slots, by whatever part the ranges overlap.
KCT_TEST(GmemBinding, IsForOneSlotAPage, "GMEM-21") {
  ASSERT_OK_AND_ASSIGN(const Unbound scene, Unbound::Make());
  kvm_userspace_memory_region2 region = scene.Region(3);
  region.guest_memfd_offset = Pages(2).count;
  ASSERT_THAT(scene.vm.SetUserMemoryRegion2(region), Succeeds());
  kvm_userspace_memory_region2 second = scene.Region();
  second.slot = kSlot + 1;
  second.guest_phys_addr += (1_GiB).count;
  const auto bind = [&](uint64_t first, uint64_t pages) {
    second.guest_memfd_offset = Pages(first).count;
    second.memory_size = Pages(pages).count;
    return TryRegion(scene.vm, second);
  };

  EXPECT_THAT(bind(2, 3), FailsWith(EEXIST)) << "the same";
  EXPECT_THAT(bind(3, 1), FailsWith(EEXIST)) << "inside";
  EXPECT_THAT(bind(0, 8), FailsWith(EEXIST)) << "around";
  EXPECT_THAT(bind(0, 3), FailsWith(EEXIST)) << "its first page";
  EXPECT_THAT(bind(4, 4), FailsWith(EEXIST)) << "its last page";
  EXPECT_THAT(bind(0, 2), Succeeds()) << "up to it";
  EXPECT_THAT(bind(5, 3), Succeeds()) << "from its end on";
}

// Nor is it after a slot that could not be made, and it is free when its slot is gone.
KCT_TEST(GmemBinding, EndsWithTheSlot, "GMEM-21", "GMEM-25") {
  ASSERT_OK_AND_ASSIGN(const Unbound scene, Unbound::Make());
  const GuestMemfdSlot first(scene.vm, scene.file, {.slot = kSlot, .gpa = kHome, .size = Pages(4)});
  const GuestMemfdSlot second(scene.vm, scene.file,
                              {.slot = kSlot + 1, .gpa = 2_GiB_gpa, .size = Pages(4)});
  ASSERT_THAT(first.Bind(), Succeeds());
  EXPECT_THAT(second.Bind(), FailsWith(EEXIST));
  ASSERT_THAT(first.Delete(), Succeeds());
  EXPECT_THAT(second.Bind(), Succeeds());
  EXPECT_THAT(first.Bind(), FailsWith(EEXIST));
}

// Its pages are neither logged nor read-only.
KCT_TEST(GmemBinding, GoesWithNoOtherFlag, "GMEM-22", "MEMSLOT-21") {
  ASSERT_OK_AND_ASSIGN(const Unbound scene, Unbound::Make());
  for (const uint32_t flags :
       {KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY}) {
    kvm_userspace_memory_region2 region = scene.Region();
    region.flags |= flags;
    EXPECT_THAT(TryRegion(scene.vm, region), FailsWith(EINVAL)) << "flags " << flags;
  }
}

// Nothing about such a slot can be changed, not even to what it is. Either ioctl deletes it.
KCT_TEST(GmemBinding, CanOnlyBeDeleted, "GMEM-23", "MEMSLOT-05") {
  ASSERT_OK_AND_ASSIGN(const Unbound scene, Unbound::Make());
  const kvm_userspace_memory_region2 region = scene.Region();
  ASSERT_THAT(scene.vm.SetUserMemoryRegion2(region), Succeeds());
  kvm_userspace_memory_region2 moved = region, offset = region, plain = region, logged = region;
  moved.guest_phys_addr += (1_GiB).count;
  offset.guest_memfd_offset = Pages(4).count;
  plain.flags = 0;
  logged.flags = KVM_MEM_LOG_DIRTY_PAGES;

  for (const auto& change : {region, moved, offset, plain, logged}) {
    EXPECT_THAT(scene.vm.SetUserMemoryRegion2(change), FailsWith(EINVAL));
  }

  kvm_userspace_memory_region2 none = region;
  none.memory_size = 0;
  EXPECT_THAT(scene.vm.SetUserMemoryRegion2(none), Succeeds());
  ASSERT_THAT(scene.vm.SetUserMemoryRegion2(region), Succeeds());
  EXPECT_THAT(scene.vm.SetUserMemoryRegion({.slot = kSlot, .guest_phys_addr = kHome.value}),
              Succeeds());
  EXPECT_THAT(TryRegion(scene.vm, region), Succeeds());
}

// Where the guest's addresses are taken, that is what is wrong with the slot.
KCT_TEST(GmemBinding, NamesAnOverlapBeforeABadDescriptor, "GMEM-24", "MEMSLOT-07") {
  ASSERT_OK_AND_ASSIGN(const Unbound scene, Unbound::Make());
  ASSERT_THAT(scene.vm.SetUserMemoryRegion2(scene.Region()), Succeeds());
  kvm_userspace_memory_region2 second = scene.Region();
  second.slot = kSlot + 1;
  second.guest_memfd = 9999;
  EXPECT_THAT(TryRegion(scene.vm, second), FailsWith(EEXIST));
}

// userspace_addr is looked at as a number only.
KCT_TEST(GmemBinding, TakesAnyUserAddress, "GMEM-39", "MEMSLOT-12") {
  constexpr uint64_t kNowhere = uint64_t{1} << 46, kKernel = 0xffff'8880'0000'0000;
  ASSERT_OK_AND_ASSIGN(const Unbound scene, Unbound::Make());
  kvm_userspace_memory_region2 region = scene.Region();
  for (const uint64_t address : {uint64_t{0}, kNowhere}) {
    region.userspace_addr = address;
    EXPECT_THAT(TryRegion(scene.vm, region), Succeeds()) << "address " << address;
  }
  for (const uint64_t address : {uint64_t{1}, kNowhere + 8, kKernel}) {
    region.userspace_addr = address;
    EXPECT_THAT(TryRegion(scene.vm, region), FailsWith(EINVAL)) << "address " << address;
  }
}

}  // namespace
}  // namespace kct
