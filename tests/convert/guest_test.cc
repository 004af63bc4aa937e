// SPDX-License-Identifier: GPL-2.0-only
// What a guest finds before, between and after conversions, and what is left where it does not
// look.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harness/abi/host.h"
#include "harness/abi/host_access.h"
#include "harness/abi/host_memory.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/convert/scene.h"

namespace kct {
namespace {

class Convert : public VmTest<Need::kSwProtected> {};
class ConvertPinned : public VmTest<Need::kSwProtected, Need::kIoUring> {};
class ConvertPrefault : public VmTest<Need::kSwProtected, Need::kPrefault> {};
class PrivateAccess : public VmTest<Need::kSwProtected> {};

constexpr Gpa kNowhere = 3_GiB_gpa;  // no slot is there

// --- what is private ----------------------------------------------------------------------------

// A new VM has shared memory, in slots and where there are none.
KCT_TEST(Convert, StartsFromSharedMemory, "ATTR-05") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene,
                       ConvertScene::Make({.content = ConvertOptions::Content::kFresh}));
  scene.FillShared(kSharedMark);
  ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "ssssssss");
  EXPECT_THAT(scene.TryRead(kNowhere), IsMmioRead(kNowhere));
}

// The pages of the range and no others change what they are.
KCT_TEST(Convert, ChangesThePagesOfItsRange, "ATTR-10", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  const auto kinds_after = [&](uint64_t first, uint64_t count, Kind kind) {
    EXPECT_THAT(scene.Convert(ConvertScene::PagesFrom(first, count), kind), Succeeds());
    Result<std::string> kinds = scene.Kinds();
    return kinds.ok() ? *kinds : kinds.error().message;
  };
  EXPECT_EQ(kinds_after(2, 3, Kind::kPrivate), "sspppsss");
  EXPECT_EQ(kinds_after(3, 1, Kind::kShared), "sspspsss");
  EXPECT_EQ(kinds_after(1, 6, Kind::kPrivate), "spppppps") << "over a range that was mixed";
  EXPECT_EQ(kinds_after(0, 4, Kind::kShared), "ssssppps") << "over the edge of a range";
}

// Setting what is set is a success, of all pages and of some.
KCT_TEST(Convert, MayBeRepeated, "ATTR-06") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  EXPECT_THAT(scene.Convert(scene.all(), Kind::kShared), Succeeds()) << "as it was from the start";
  ASSERT_THAT(scene.Convert(scene.PagesFrom(2, 4), Kind::kPrivate), Succeeds());
  EXPECT_THAT(scene.Convert(scene.PagesFrom(2, 4), Kind::kPrivate), Succeeds());
  EXPECT_THAT(scene.Convert(scene.PageOf(3), Kind::kPrivate), Succeeds());
  EXPECT_THAT(scene.Convert(scene.PageOf(7), Kind::kShared), Succeeds());
  ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "ssppppss");
}

// It takes no mapping away.
KCT_TEST(Convert, ThatIsRepeatedLeavesMappings, "ATTR-06") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  for (const Kind kind : {Kind::kPrivate, Kind::kShared}) {
    ASSERT_THAT(scene.Convert(scene.all(), kind), Succeeds());
    ASSERT_OK(scene.Do(Program().Touch(scene.all())));
    ASSERT_OK_AND_ASSIGN(const uint64_t mapped, scene.vm.Statistic("pages_4k"));
    ASSERT_THAT(scene.Convert(scene.all(), kind), Succeeds());
    ASSERT_OK_AND_ASSIGN(const uint64_t still, scene.vm.Statistic("pages_4k"));
    EXPECT_EQ(still, mapped);
  }
}

// After two conversions nothing is mapped, and the next access is served as before.
KCT_TEST(Convert, BackRestoresNoMapping, "ATTR-14", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_OK(scene.Do(Program().Touch(scene.all())));
  ASSERT_OK_AND_ASSIGN(const uint64_t mapped, scene.vm.Statistic("pages_4k"));

  ASSERT_THAT(scene.Convert(scene.all(), Kind::kPrivate), Succeeds());
  ASSERT_THAT(scene.Convert(scene.all(), Kind::kShared), Succeeds());

  ASSERT_OK_AND_ASSIGN(const uint64_t left, scene.vm.Statistic("pages_4k"));
  EXPECT_EQ(left + scene.pages(), mapped);
  ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "ssssssss");
}

// --- slots --------------------------------------------------------------------------------------

// No slot is needed: an address that becomes private before it has one is so when it gets one.
KCT_TEST(Convert, NeedsNoSlot, "ATTR-07") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  EXPECT_THAT(scene.Convert(scene.PagesFrom(2, 2), Kind::kPrivate), Succeeds());
  ASSERT_THAT(scene.slot.Bind(), Succeeds());
  ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "ssppssss");
}

// What is private stays so when the slot goes, and for the slots that come.
KCT_TEST(Convert, OutlivesTheSlot, "ATTR-07") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_THAT(scene.Convert(scene.PagesFrom(1, 3), Kind::kPrivate), Succeeds());
  for (int i = 0; i < 2; ++i) {
    ASSERT_THAT(scene.slot.Delete(), Succeeds());
    EXPECT_THAT(scene.TryRead(scene.GpaOf(1)), IsPrivateFault(scene.GpaOf(1)));
    ASSERT_THAT(scene.slot.Bind(), Succeeds());
    ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
    EXPECT_EQ(kinds, "spppssss");
  }
}

// No bound but 2^64 applies: the last page but one of the address space can be private, and a range
// of nearly all of it can be said to be shared, which it is.
KCT_TEST(Convert, ReachesBeyondAllMemory, "ATTR-07") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create(VmType::kSwProtected));
  const Gpa last{~uint64_t{0} - 2 * kPage.count + 1};
  EXPECT_THAT(vm.SetMemoryAttributes({{0}, {~uint64_t{0} - kPage.count + 1}}, 0), Succeeds());
  EXPECT_THAT(vm.SetMemoryAttributes({last, kPage}, KVM_MEMORY_ATTRIBUTE_PRIVATE), Succeeds());
  EXPECT_THAT(vm.SetMemoryAttributes({last, kPage}, 0), Succeeds());
}

// --- contents -----------------------------------------------------------------------------------

// Both kinds of memory keep what is in them, whatever the guest writes into the other kind.
KCT_TEST(Convert, MovesNoData, "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  for (uint64_t round = 0; round < 6; ++round) {
    const Kind kind = round % 2 == 0 ? Kind::kPrivate : Kind::kShared;
    ASSERT_THAT(scene.Convert(scene.all(), kind), Succeeds());
    const uint64_t before = round < 2 ? MarkOf(kind) : round - 2;
    ASSERT_OK(scene.Do(Program().Touch(scene.all()).Expect(before).WriteTouch(scene.all(), round)));
    EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
    EXPECT_TRUE(scene.SharedIs(kind == Kind::kShared ? round
                               : round < 2           ? kSharedMark
                                                     : round - 1))
        << "round " << round;
  }
}

// A page that was never private before is zero, whatever is in the shared one. What releases either
// is a hole, or the host's own drop of its page.
KCT_TEST(Convert, FindsZeroesWhereNothingWas, "ATTR-11", "GMEM-17") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene,
                       ConvertScene::Make({.content = ConvertOptions::Content::kFresh}));
  scene.FillShared(kSharedMark);
  ASSERT_THAT(scene.Convert(scene.all(), Kind::kPrivate), Succeeds());
  ASSERT_OK(scene.Do(Program().Touch(scene.all()).Expect(0).WriteTouch(scene.all(), kPrivateMark)));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;

  ASSERT_THAT(scene.Convert(scene.all(), Kind::kShared), Succeeds());
  ASSERT_THAT(scene.file.Punch({kPage.count, kPage}), Succeeds());
  ASSERT_TRUE(DropPages(scene.shared.hva() + Pages(2), kPage).ok());
  ASSERT_OK_AND_ASSIGN(std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "ss?sssss");
  ASSERT_THAT(scene.Convert(scene.all(), Kind::kPrivate), Succeeds());
  ASSERT_OK_AND_ASSIGN(kinds, scene.Kinds());
  EXPECT_EQ(kinds, "p?pppppp");
}

// The host goes on with its own page meanwhile, and the guest sees nothing of it.
KCT_TEST(Convert, LeavesTheHostItsPage, "ATTR-13", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_OK(scene.Do(Program().Touch(scene.all())));
  EXPECT_THAT(scene.Convert(scene.all(), Kind::kPrivate), Succeeds());
  scene.FillShared(kLateMark);
  ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "pppppppp");
  EXPECT_TRUE(scene.SharedIs(kLateMark));

  EXPECT_THAT(scene.Convert(scene.all(), Kind::kShared), Succeeds());
  ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(3));
  EXPECT_EQ(seen, kLateMark);
}

// Pages that a pipe holds are converted, and stay the pages of the pipe and of the host.
KCT_TEST(Convert, IgnoresReferencesToThePage, "ATTR-13", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_OK(scene.Do(Program().Touch(scene.all())));
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd out(ends[0]), in(ends[1]);
  const iovec page{Pointer(scene.shared.hva() + kPage), kPage.count};
  ASSERT_EQ(vmsplice(in.get(), &page, 1, 0), static_cast<ssize_t>(kPage.count));

  EXPECT_THAT(scene.Convert(scene.all(), Kind::kPrivate), Succeeds());

  scene.Word(1) = kLateMark;
  ASSERT_OK_AND_ASSIGN(uint64_t seen, scene.Read(1));
  EXPECT_EQ(seen, kPrivateMark);
  ASSERT_EQ(read(out.get(), &seen, sizeof seen), static_cast<ssize_t>(sizeof seen));
  EXPECT_EQ(seen, kLateMark) << "the pipe has another page";
  EXPECT_THAT(scene.Convert(scene.all(), Kind::kShared), Succeeds());
  ASSERT_OK_AND_ASSIGN(seen, scene.Read(1));
  EXPECT_EQ(seen, kLateMark) << "the guest has another page";
}

// So are pages that are pinned for a device, one by one and all together.
KCT_TEST(ConvertPinned, IsDoneAllTheSame, "ATTR-13") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_OK(scene.Do(Program().Touch(scene.all())));
  ASSERT_OK_AND_ASSIGN(const UniqueFd pins,
                       CurrentHost().PinPages(scene.shared.hva() + Pages(2), Pages(3)));
  for (const GpaRange& range : {scene.PageOf(2), scene.PagesFrom(1, 3), scene.all()}) {
    EXPECT_THAT(scene.Convert(range, Kind::kPrivate), Succeeds());
  }
  ASSERT_OK_AND_ASSIGN(std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "pppppppp");
  EXPECT_TRUE(scene.SharedIs(kSharedMark));
  EXPECT_THAT(scene.Convert(scene.all(), Kind::kShared), Succeeds());
  ASSERT_OK_AND_ASSIGN(kinds, scene.Kinds());
  EXPECT_EQ(kinds, "ssssssss");
}

// --- KVM's own view -----------------------------------------------------------------------------

// A string of OUTs from a private page sends what is in the host's page.
KCT_TEST(Convert, IsNotSeenByTheEmulator, "ATTR-16", "GMEM-30") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_THAT(scene.Convert(scene.all(), Kind::kPrivate), Succeeds());
  ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(0));
  ASSERT_EQ(seen, kPrivateMark);
  ASSERT_OK(scene.cpu.Load(Program().OutString(1, kHome, {1})));
  const GuestExit out = scene.cpu.Run();
  ASSERT_EQ(out.kind, ExitKind::kIo) << out.ToString();
  EXPECT_THAT(out.io.data, testing::ElementsAre(std::byte{kSharedMark & 0xff}));
}

// --- private memory that is not there -----------------------------------------------------------

// Without a slot a private access is no MMIO, be it a read, a write or a fetch.
KCT_TEST(PrivateAccess, WithoutASlotIsAFault, "RUN-23") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_OK(scene.MustConvert({kNowhere, Pages(2)}, Kind::kPrivate));
  EXPECT_THAT(scene.TryRead(kNowhere), IsPrivateFault(kNowhere));
  const Gpa second = kNowhere + kPage;
  for (const Program& program :
       {Program().Read8(second + Bytes{4000}), Program().Write64(second, 1)}) {
    ASSERT_OK(scene.cpu.Load(program));
    EXPECT_THAT(scene.cpu.Run(), IsPrivateFault(second)) << program.ToString();
  }
  ASSERT_OK(scene.MustConvert({second, kPage}, Kind::kShared));
  EXPECT_THAT(scene.TryRead(second), IsMmioRead(second));
}

// Nor is it MMIO where the guest has found a device before, while the address was shared.
KCT_TEST(PrivateAccess, WithoutASlotIsAFaultWhateverItWas, "ATTR-17") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Read64(kNowhere).Write64(kNowhere, 7).Read64(kNowhere)));
  ASSERT_THAT(scene.cpu.Run(), IsMmioRead(kNowhere));
  ASSERT_THAT(scene.cpu.Run(), IsMmioWrite(kNowhere, 7u));
  ASSERT_THAT(scene.cpu.Run(), IsMmioRead(kNowhere));

  ASSERT_OK(scene.MustConvert({kNowhere, kPage}, Kind::kPrivate));

  EXPECT_THAT(scene.TryRead(kNowhere), IsPrivateFault(kNowhere));
}

// A slot without a file has no private memory, and serves the guest again once the page is shared.
KCT_TEST(PrivateAccess, ToASlotWithoutAFileIsAFault, "RUN-24") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot plain,
                       scene.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = Pages(2)}));
  plain.memory().Word({0}) = kSharedMark;
  ASSERT_THAT(scene.TryRead(plain.gpa()), IsDone());
  ASSERT_OK(scene.MustConvert(plain.range(), Kind::kPrivate));

  EXPECT_THAT(scene.TryRead(plain.gpa()), IsPrivateFault(plain.gpa()));
  EXPECT_THAT(scene.TryRead(plain.gpa()), IsPrivateFault(plain.gpa())) << "again";
  ASSERT_OK(scene.cpu.Load(Program().Write64(plain.gpa() + kPage + Bytes{8}, 5)));
  EXPECT_THAT(scene.cpu.Run(), IsPrivateFault(plain.gpa() + kPage));

  ASSERT_OK(scene.MustConvert(plain.range(), Kind::kShared));
  EXPECT_THAT(scene.TryRead(plain.gpa()), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, kSharedMark);
}

// --- prefault -----------------------------------------------------------------------------------

// A prefault maps private pages where the attribute says so, and shared ones elsewhere: the guest
// is on them without a fault of its own.
KCT_TEST(ConvertPrefault, TakesTheMemoryOfTheAttribute, "PREFAULT-32") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_THAT(scene.Convert(scene.PagesFrom(2, 3), Kind::kPrivate), Succeeds());
  ASSERT_OK(scene.Do(Program()));  // its own pages are mapped
  ASSERT_OK_AND_ASSIGN(const uint64_t before, scene.vm.Statistic("pages_4k"));

  EXPECT_THAT(scene.cpu.vcpu().PreFaultAll(scene.all()), Completes());

  ASSERT_OK_AND_ASSIGN(const uint64_t mapped, scene.vm.Statistic("pages_4k"));
  EXPECT_EQ(mapped, before + scene.pages());
  ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "sspppsss");
  ASSERT_OK_AND_ASSIGN(const uint64_t still, scene.vm.Statistic("pages_4k"));
  EXPECT_EQ(still, mapped);
}

}  // namespace
}  // namespace kct
