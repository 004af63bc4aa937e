// SPDX-License-Identifier: GPL-2.0-only
// What the guest finds at an address once a change has returned.
#include "harness/abi/host_memory.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

class MemslotGuestView : public VmTest<> {};
class MemslotGuestViewReadonly : public VmTest<Need::kReadonlyMem> {};

// A new slot is memory: what the host wrote is what the guest reads, and the other way round.
KCT_TEST(MemslotGuestView, ASlotIsMemory, "MEMSLOT-01") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  scene.Word() = 7;

  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Write64(kHome + kPage, 8)));
  EXPECT_THAT(scene.cpu.Run(), IsDone());

  EXPECT_EQ(scene.cpu.result(0).value, 7u);
  EXPECT_EQ(scene.Word(1), 8u);
}

// After a delete the guest's accesses are MMIO exits; it neither reads nor writes what was there.
KCT_TEST(MemslotGuestView, DeletedMemoryIsOutOfReach, "MEMSLOT-28") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  scene.Word() = 7;
  ASSERT_OK(scene.cpu.Load(
      Program().WriteTouch(scene.slot.range(), 7).Out(1, 0).Read64(kHome).Write64(kHome, 9)));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));

  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  scene.Word() = 8;

  ASSERT_THAT(scene.cpu.Run(), IsMmioRead(kHome));
  scene.cpu.AnswerMmio(0x1234);
  EXPECT_THAT(scene.cpu.Run(), IsMmioWrite(kHome, 9u));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(2).value, 0x1234u);
  EXPECT_EQ(scene.Word(), 8u);
}

// After a move the guest finds the memory at the new place and MMIO at the old one.
KCT_TEST(MemslotGuestView, MovedMemoryIsAtItsNewPlaceOnly, "MEMSLOT-29") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(
      Program().WriteTouch(scene.slot.range(), 7).Out(1, 0).Read64(2_GiB_gpa).Write64(kHome, 9)));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));

  ASSERT_THAT(scene.slot.MoveTo(2_GiB_gpa), Succeeds());

  EXPECT_THAT(scene.cpu.Run(), IsMmioWrite(kHome, 9u));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(2).value, 7u);
  EXPECT_EQ(scene.Word(), 7u);
}

// A move by a page shifts what the guest sees by a page, and only the page that the new place
// does not cover turns into MMIO.
KCT_TEST(MemslotGuestView, ShiftedMemoryIsSeenShifted, "MEMSLOT-29", "MEMSLOT-08") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  for (uint64_t page = 0; page < 4; ++page) scene.Word(page) = 100 + page;
  Program program;
  program.Touch(scene.slot.range()).Out(1, 0);
  for (uint64_t page = 1; page < 5; ++page) program.Read64(kHome + Pages(page));
  ASSERT_OK(scene.cpu.Load(program.Read64(kHome)));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));

  ASSERT_THAT(scene.slot.MoveTo(kHome + kPage), Succeeds());

  EXPECT_THAT(scene.cpu.Run(), IsMmioRead(kHome));
  for (uint64_t page = 0; page < 4; ++page) EXPECT_EQ(scene.cpu.result(2 + page).value, 100 + page);
}

// Slots on the same host memory show the same memory.
KCT_TEST(MemslotGuestView, SlotsMayShareHostMemory, "MEMSLOT-09") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  kvm_userspace_memory_region same = scene.slot.region(), shifted = scene.slot.region();
  same.slot += 1;
  same.guest_phys_addr = (2_GiB_gpa).value;
  shifted.slot += 2;
  shifted.guest_phys_addr = (3_GiB_gpa).value;
  shifted.userspace_addr += kPage.count;
  shifted.memory_size -= kPage.count;

  EXPECT_THAT(scene.vm.SetUserMemoryRegion(same), Succeeds());
  EXPECT_THAT(scene.vm.SetUserMemoryRegion(shifted), Succeeds());

  ASSERT_OK(scene.cpu.Load(
      Program().Write64(kHome + kPage, 7).Read64(2_GiB_gpa + kPage).Read64(3_GiB_gpa)));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(1).value, 7u);
  EXPECT_EQ(scene.cpu.result(2).value, 7u);
}

// Puts new zeroed memory, with `value` in its first word, in the place of a page of the host.
Status ReplacePage(Hva page, uint64_t value) {
  const CallRecord mapped = MapZeros(page, kPage);
  if (!mapped.ok()) return MakeError("{}", mapped.ToString());
  HostWord{page} = value;
  return {};
}

Status UnmapPage(Hva page) {
  const CallRecord unmapped = Unmap(page, kPage);
  if (!unmapped.ok()) return MakeError("{}", unmapped.ToString());
  return {};
}

// When the host puts other memory behind a slot the guest's next access is to that.
KCT_TEST(MemslotGuestView, ReplacedHostMemoryIsSeenAtOnce, "MEMSLOT-26") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, 7).Out(1, 0).Read64(kHome).Write64(kHome, 9)));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));

  ASSERT_OK(ReplacePage(scene.slot.hva(), 8));
  EXPECT_THAT(scene.cpu.Run(), IsDone());

  EXPECT_EQ(scene.cpu.result(2).value, 8u);
  EXPECT_EQ(scene.Word(), 9u);
}

// When the host unmaps the memory behind a slot the guest's next access is an error, no longer
// one as soon as something is mapped there again.
KCT_TEST(MemslotGuestView, UnmappedHostMemoryIsGoneAtOnce, "MEMSLOT-26") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, 7).Out(1, 0).Read64(kHome)));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));

  ASSERT_OK(UnmapPage(scene.slot.hva()));
  EXPECT_THAT(scene.cpu.Run().call, FailsWith(EFAULT));

  ASSERT_OK(ReplacePage(scene.slot.hva(), 8));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(2).value, 8u);
}

// A slot can be there before its memory is.
KCT_TEST(MemslotGuestView, MemoryMayComeAfterItsSlot, "MEMSLOT-26", "MEMSLOT-13") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(Mapping memory, Mapping::Anonymous(Pages(4)));
  ASSERT_OK(UnmapPage(memory.hva()));

  EXPECT_THAT(scene.vm.SetUserMemoryRegion(RegionOf(memory, 2_GiB_gpa, 5)), Succeeds());
  ASSERT_OK(ReplacePage(memory.hva(), 7));

  ASSERT_OK(scene.cpu.Load(Program().Read64(2_GiB_gpa)));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, 7u);
}

// The guest reads a read-only slot as memory; its write is an MMIO exit and changes nothing.
KCT_TEST(MemslotGuestViewReadonly, AReadOnlySlotIsNotWritten, "MEMSLOT-05") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 4, .flags = KVM_MEM_READONLY}));
  scene.Word() = 7;

  ASSERT_THAT(scene.slot.SetFlags(0), FailsWith(EINVAL));

  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Write64(kHome, 9)));
  EXPECT_THAT(scene.cpu.Run(), IsMmioWrite(kHome, 9u));
  EXPECT_EQ(scene.cpu.result(0).value, 7u);
  EXPECT_EQ(scene.Word(), 7u);
}

}  // namespace
}  // namespace kct
