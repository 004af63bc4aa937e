// SPDX-License-Identifier: GPL-2.0-only
// What a guest finds in the memory of a file, and what the host finds of it.
#include <sys/mman.h>

#include "harness/abi/host_access.h"
#include "harness/abi/host_memory.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/sigbus.h"
#include "tests/gmem/scene.h"

namespace kct {
namespace {

class GmemGuest : public VmTest<Need::kRegion2, Need::kGuestMemfd> {};
class GmemGuestTdp : public VmTest<Need::kTdp, Need::kRegion2, Need::kGuestMemfd> {};
class GmemGuestShadow : public VmTest<Need::kShadow, Need::kRegion2, Need::kGuestMemfd> {};
class GmemPrefault : public VmTest<Need::kTdp, Need::kPrefault, Need::kRegion2, Need::kGuestMemfd> {
};
class GmemPoison : public VmTest<Need::kRegion2, Need::kGuestMemfd, Need::kRoot> {};

constexpr uint64_t kPlain = 0x706c'6169'6e;  // in the other memory, at userspace_addr

// --- who serves the guest -----------------------------------------------------------------------

// A mappable file is the guest's memory, whatever is at userspace_addr, shared with the host or
// not.
void ExpectAllFromTheFile(GmemScene& scene) {
  scene.other.Word({0}) = kPlain;

  ASSERT_OK_AND_ASSIGN(const uint64_t fresh, scene.Read(0));
  EXPECT_EQ(fresh, 0u);
  ASSERT_OK(scene.Write(0, kMark));
  ASSERT_OK_AND_ASSIGN(const uint64_t written, scene.Read(0));
  EXPECT_EQ(written, kMark);
  EXPECT_EQ(scene.other.Word({0}), kPlain);
}

// With nested paging, and with shadow paging below.
KCT_TEST(GmemGuestTdp, FindsTheFileInstead, "GMEM-29") {
  for (const uint64_t flags : {GuestMemfd::kShared, uint64_t{GUEST_MEMFD_FLAG_MMAP}}) {
    ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.flags = flags}));
    ExpectAllFromTheFile(scene);
  }
}

// KVM translates here itself, and takes the page from the file all the same.
KCT_TEST(GmemGuestShadow, FindsTheFileInstead, "GMEM-29") {
  for (const uint64_t flags : {GuestMemfd::kShared, uint64_t{GUEST_MEMFD_FLAG_MMAP}}) {
    ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.flags = flags}));
    ExpectAllFromTheFile(scene);
  }
}

// Nothing has to be mapped at userspace_addr.
KCT_TEST(GmemGuest, NeedsNoHostMemory, "GMEM-29", "GMEM-39") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd bare, GuestMemfd::Create(scene.vm, kPage));
  const GuestMemfdSlot slot(scene.vm, bare, {.slot = 200, .gpa = 2_GiB_gpa, .size = kPage});
  ASSERT_THAT(slot.Bind(), Succeeds());
  ASSERT_OK(scene.Do(Program().Write64(2_GiB_gpa, kMark).Read64(2_GiB_gpa)));
  EXPECT_EQ(scene.cpu.result(1).value, kMark);
}

// A slot that begins in the middle of the file shows that part of it.
KCT_TEST(GmemGuest, SeesThePartThatIsBound, "GMEM-29", "GMEM-33") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 8}));
  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  for (uint64_t page = 0; page < 8; ++page) scene.Word(page) = kMark + page;
  const GuestMemfdSlot part(
      scene.vm, scene.file,
      {.slot = kSlot, .gpa = kHome, .size = Pages(3), .offset = Pages(5).count});
  ASSERT_THAT(part.Bind(), Succeeds());
  for (uint64_t page = 0; page < 3; ++page) {
    ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(page));
    EXPECT_EQ(seen, kMark + 5 + page);
  }
}

// Without the mmap flag, and without private memory, a file is bound and backs nothing.
KCT_TEST(GmemGuest, SeesHostMemoryWhereTheFileCantBeMapped, "GMEM-31") {
  for (const uint64_t flags : {uint64_t{0}, uint64_t{GUEST_MEMFD_FLAG_INIT_SHARED}}) {
    ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.flags = flags}));
    scene.other.Word({0}) = kPlain;
    ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(0));
    EXPECT_EQ(seen, kPlain);
    ASSERT_OK(scene.Write(1, kMark));
    EXPECT_EQ(scene.other.Word(kPage), kMark);
  }
}

// What is not shared serves the guest alone.
KCT_TEST(GmemGuest, HasAPrivateFileForItself, "GMEM-32", "GMEM-12") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.flags = GUEST_MEMFD_FLAG_MMAP}));
  ASSERT_OK(scene.Write(0, kMark));
  SCOPED_CLAUSE("GMEM-32");
  EXPECT_EQ(TryLoad(scene.memory.hva()), std::nullopt);
  EXPECT_FALSE(TryStore(scene.memory.hva(), kOtherMark));
  ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(0));
  EXPECT_EQ(seen, kMark);
}

// KVM's own accesses go to userspace_addr: a string of OUTs from the file's slot sends what is
// there.
KCT_TEST(GmemGuest, IsNotSeenByTheEmulator, "GMEM-30") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.other.Word({0}) = 'h';
  scene.Word() = 'f';
  ASSERT_OK(scene.cpu.Load(Program().OutString(1, kHome, {1})));
  const GuestExit out = scene.cpu.Run();
  ASSERT_EQ(out.kind, ExitKind::kIo) << out.ToString();
  EXPECT_THAT(out.io.data, testing::ElementsAre(std::byte{'h'}));
}

// Where nothing is mapped they are MMIO.
KCT_TEST(GmemGuest, IsMmioForTheEmulatorWithoutHostMemory, "GMEM-30") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.Word() = 'f';
  ASSERT_TRUE(Unmap(scene.other.hva(), scene.other.size()).ok());
  ASSERT_OK(scene.cpu.Load(Program().OutString(1, kHome, {1})));
  const GuestExit mmio = scene.cpu.Run();
  ASSERT_EQ(mmio.kind, ExitKind::kMmio) << mmio.ToString();
  EXPECT_EQ(mmio.mmio.gpa, kHome);
}

// --- what is in it ------------------------------------------------------------------------------

// Both sides work on the same page.
KCT_TEST(GmemGuest, SharesItsPagesWithTheHost, "GMEM-33") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  for (uint64_t value = 1; value <= 8; ++value) {
    const uint64_t page = value % scene.pages();
    scene.Word(page) = value;
    ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(page));
    EXPECT_EQ(seen, value);
    ASSERT_OK(scene.Write(page, kMark + value));
    EXPECT_EQ(scene.Word(page), kMark + value);
  }
}

// A page is zero for whoever is the first to look, in its first life and in its second.
KCT_TEST(GmemGuest, FindsZeroesAtFirst, "GMEM-13") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ASSERT_OK_AND_ASSIGN(uint64_t seen, scene.Read(0));
  EXPECT_EQ(seen, 0u) << "guest";
  EXPECT_EQ(scene.Word(1), 0u) << "host";
  scene.Mark(kMark);
  ASSERT_THAT(scene.file.Punch(scene.file.all()), Succeeds());
  EXPECT_EQ(scene.Word(0), 0u) << "host, again";
  ASSERT_OK_AND_ASSIGN(seen, scene.Read(1));
  EXPECT_EQ(seen, 0u) << "guest, again";
}

// A hole is a hole for both sides, and as large as it was asked for. From then on both are on a
// new page.
KCT_TEST(GmemGuest, SeesNothingOfAPunchedPage, "GMEM-17", "GMEM-33") {
  for (const uint64_t flags : {GuestMemfd::kShared, uint64_t{GUEST_MEMFD_FLAG_MMAP}}) {
    ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.flags = flags}));
    ASSERT_OK(scene.Do(Program().WriteTouch({kHome, Pages(4)}, kMark)));

    EXPECT_THAT(scene.file.Punch({kPage.count, Pages(2)}), Succeeds());

    ASSERT_OK(scene.Do(Program().Touch({kHome + kPage, Pages(2)}).Expect(0)));
    EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
    ASSERT_OK(scene.Do(Program().Read64(kHome).Read64(kHome + Pages(3))));
    EXPECT_EQ(scene.cpu.result(0).value, kMark) << "the page before";
    EXPECT_EQ(scene.cpu.result(1).value, kMark) << "the page behind";
    if (flags != GuestMemfd::kShared) continue;
    scene.Word(1) = kOtherMark;
    ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(1));
    EXPECT_EQ(seen, kOtherMark);
  }
}

// So it is where KVM has built the translation itself.
KCT_TEST(GmemGuestShadow, SeesNothingOfAPunchedPage, "GMEM-17") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ASSERT_OK(scene.Do(Program().WriteTouch({kHome, Pages(4)}, kMark)));
  EXPECT_THAT(scene.file.Punch(scene.file.all()), Succeeds());
  ASSERT_OK(scene.Do(Program().Touch({kHome, Pages(4)}).Expect(0)));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
}

// What the guest wrote is the file's: another slot, elsewhere, has it.
KCT_TEST(GmemGuest, FindsItsDataInAnotherSlot, "GMEM-25") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ASSERT_OK(scene.Do(Program().WriteTouch(scene.slot.range(), kMark)));
  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  ASSERT_THAT(scene.slot.Bind(), Succeeds());
  ASSERT_OK_AND_ASSIGN(uint64_t seen, scene.Read(0));
  EXPECT_EQ(seen, kMark) << "at the same place";

  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  const GuestMemfdSlot elsewhere(scene.vm, scene.file,
                                 {.slot = 200, .gpa = 2_GiB_gpa, .size = scene.file.size()});
  ASSERT_THAT(elsewhere.Bind(), Succeeds());
  ASSERT_OK_AND_ASSIGN(seen, scene.ReadAt(2_GiB_gpa));
  EXPECT_EQ(seen, kMark) << "at another place";
}

// --- how long it lasts --------------------------------------------------------------------------

// The last close takes the memory away from under the slot, which can still be deleted.
void ExpectGoneWithTheFile(GmemScene& scene) {
  ASSERT_OK(scene.Write(0, kMark));

  scene.CloseFile();

  EXPECT_THAT(scene.TryRead(0), IsMemoryFault(EFAULT)) << "a page that was mapped";
  EXPECT_THAT(scene.TryRead(1), IsMemoryFault(EFAULT)) << "a page that was not";
  EXPECT_THAT(scene.slot.Delete(), Succeeds());
  EXPECT_EQ(scene.TryRead(0).kind, ExitKind::kMmio);
}

// With nested paging, and with shadow paging below.
KCT_TEST(GmemGuestTdp, LosesItsMemoryWithTheFile, "GMEM-26") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ExpectGoneWithTheFile(scene);
}

// KVM's own translations go as well.
KCT_TEST(GmemGuestShadow, LosesItsMemoryWithTheFile, "GMEM-26") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ExpectGoneWithTheFile(scene);
}

// A mapping is a reference to the file: the last one takes the memory with it.
KCT_TEST(GmemGuest, KeepsItsMemoryWithAMapping, "GMEM-27") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ASSERT_OK(scene.Write(0, kMark));

  scene.file.Close();

  ASSERT_OK_AND_ASSIGN(uint64_t seen, scene.Read(0));
  EXPECT_EQ(seen, kMark);
  scene.Word(1) = kOtherMark;
  ASSERT_OK_AND_ASSIGN(seen, scene.Read(1));
  EXPECT_EQ(seen, kOtherMark);
  ASSERT_THAT(Unmap(scene.memory.hva(), scene.memory.size()), Succeeds());
  EXPECT_THAT(scene.TryRead(0), IsMemoryFault(EFAULT));
}

// --- how it is mapped ---------------------------------------------------------------------------

// Even where everything is aligned to 2 MiB, a file is mapped page by page.
KCT_TEST(GmemGuestTdp, IsMappedPageByPage, "GMEM-34") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 512}));
  ASSERT_OK_AND_ASSIGN(const uint64_t huge, scene.vm.Statistic("pages_2m"));
  ASSERT_OK_AND_ASSIGN(const uint64_t giant, scene.vm.Statistic("pages_1g"));
  ASSERT_OK_AND_ASSIGN(const uint64_t small, scene.vm.Statistic("pages_4k"));

  ASSERT_OK(scene.Do(Program().WriteTouch(scene.slot.range(), kMark)));

  ASSERT_OK_AND_ASSIGN(const uint64_t small_now, scene.vm.Statistic("pages_4k"));
  EXPECT_GE(small_now, small + 512);
  ASSERT_OK_AND_ASSIGN(const uint64_t huge_now, scene.vm.Statistic("pages_2m"));
  EXPECT_LE(huge_now, huge);
  ASSERT_OK_AND_ASSIGN(const uint64_t giant_now, scene.vm.Statistic("pages_1g"));
  EXPECT_LE(giant_now, giant);
}

// A prefault brings the pages into the file; the guest and the host find them there.
KCT_TEST(GmemPrefault, AllocatesThePages, "GMEM-37") {
  for (const uint64_t flags : {GuestMemfd::kShared, uint64_t{GUEST_MEMFD_FLAG_MMAP}}) {
    ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 8, .flags = flags}));
    ASSERT_EQ(PagesIn(scene.file.fd(), scene.file.all()), 0);

    EXPECT_THAT(scene.cpu.vcpu().PreFault({kHome, Pages(6)}), Completes());

    EXPECT_EQ(PagesIn(scene.file.fd(), {0, Pages(6)}), 6);
    EXPECT_EQ(PagesIn(scene.file.fd(), scene.file.all()), 6) << "nobody asked for the others";
    ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(5));
    EXPECT_EQ(seen, 0u);
  }
}

// A page that a prefault has mapped goes with a hole as any other.
KCT_TEST(GmemPrefault, IsUndoneByAPunch, "GMEM-17", "GMEM-37") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.Mark(kMark);
  ASSERT_THAT(scene.cpu.vcpu().PreFault(scene.slot.range()), Completes());

  ASSERT_THAT(scene.file.Punch(scene.file.all()), Succeeds());

  ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(0));
  EXPECT_EQ(seen, 0u);
  EXPECT_THAT(scene.cpu.vcpu().PreFault(scene.slot.range()), Completes());
}

// --- poison -------------------------------------------------------------------------------------

// A page that has failed is kept from the guest, until the file gets another one for it.
KCT_TEST(GmemPoison, IsKeptFromTheGuestUntilPunched, "GMEM-35") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.Mark(kMark);
  ASSERT_OK_AND_ASSIGN(uint64_t seen, scene.Read(1));
  ASSERT_EQ(seen, kMark);
  const SigbusCatcher catcher;  // whoever has the page mapped is told

  EXPECT_THAT(Madvise(scene.HvaOf(1), kPage, MADV_HWPOISON, "madvise HWPOISON"), FailsWith(EBUSY));

  EXPECT_THAT(scene.TryRead(1), IsMemoryFault(EHWPOISON));
  EXPECT_THAT(scene.TryRead(1), IsMemoryFault(EHWPOISON)) << "again";
  ASSERT_OK_AND_ASSIGN(seen, scene.Read(0));
  EXPECT_EQ(seen, kMark) << "the page beside it";
  ASSERT_THAT(scene.file.Punch(scene.PageOf(1)), Succeeds());
  ASSERT_OK_AND_ASSIGN(seen, scene.Read(1));
  EXPECT_EQ(seen, 0u);
}

// The poison is the page's, not the slot's: another slot on the file has it as well.
KCT_TEST(GmemPoison, StaysWithTheFile, "GMEM-35", "GMEM-25") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.Mark(kMark);
  const SigbusCatcher catcher;
  ASSERT_THAT(Madvise(scene.HvaOf(1), kPage, MADV_HWPOISON, "madvise HWPOISON"), FailsWith(EBUSY));
  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  ASSERT_THAT(scene.slot.Bind(), Succeeds());

  EXPECT_THAT(scene.TryRead(1), IsMemoryFault(EHWPOISON));
  ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(2));
  EXPECT_EQ(seen, kMark);
}

}  // namespace
}  // namespace kct
