// SPDX-License-Identifier: GPL-2.0-only
// Conversions while a vCPU, a prefault or an update is at a known point.
#include "harness/abi/host_memory.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/convert/scene.h"

namespace kct {
namespace {

class ConvertUnderGuest : public RaceTest<Need::kSwProtected> {};
class ConvertUnderPrefault : public RaceTest<Need::kSwProtected, Need::kPrefault> {};
class ConvertUnderUpdate : public RaceTest<Need::kSwProtected, Need::kPrefault, Need::kRoot> {};

bool MovesOn(const GuestCpu& cpu) { return cpu.WaitUntilProgress(Clock::now() + Actor::kPatience); }

// A vCPU that is in the guest is on the other memory as soon as the conversion has returned, there
// and back, for its reads and for its writes.
KCT_TEST(ConvertUnderGuest, ReachesAVcpuInTheGuest, "ATTR-10", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  Kind kind = Kind::kShared;
  for (int turn = 0; turn < 4; ++turn, kind = OtherThan(kind)) {
    const Kind next = OtherThan(kind);
    Program program;
    program.LoopStart()
        .Touch(scene.all())
        .ExpectOneOf(MarkOf(kind), MarkOf(next))
        .RepeatUntilFlag();
    program.Touch(scene.all()).Expect(MarkOf(next));
    const std::size_t after = program.last();
    ASSERT_OK(scene.cpu.Load(program));
    GuestExit left;
    Actor run("run");
    run.Start([&] {
      left = scene.cpu.RunUntilDone(TryAgain());
      return left.call.Record();
    });
    ASSERT_REACHED(MovesOn(scene.cpu), "the guest reads its pages");

    EXPECT_THAT(scene.Convert(scene.all(), next), Succeeds());

    ASSERT_REACHED(MovesOn(scene.cpu), "the guest reads its pages after the conversion");
    ReportAnchoredMeeting("pages were converted while their vCPU read them");
    scene.cpu.RaiseFlag();
    EXPECT_THAT(run.Finish(), Succeeds());
    EXPECT_TRUE(left.done()) << left.ToString();
    for (const std::size_t read : {std::size_t{0}, after}) {
      EXPECT_EQ(scene.cpu.result(read).unexpected, 0u)
          << "turn " << turn << ": " << ToString(scene.cpu.result(read));
    }
  }
}

// A guest waits for a shared page that becomes private meanwhile: the conversion does not wait for
// it, and it finds the private page in the end, never the one that it waited for.
KCT_TEST(ConvertUnderGuest, DoesNotWaitForAFault, "ATTR-10", "RUN-26") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene,
                       ConvertScene::Make({.content = ConvertOptions::Content::kFresh}));
  ASSERT_OK(scene.MustConvert(scene.PageOf(2), Kind::kPrivate));
  ASSERT_OK(scene.Do(Program().Write64(scene.GpaOf(2), kPrivateMark)));
  ASSERT_OK(scene.MustConvert(scene.PageOf(2), Kind::kShared));
  ASSERT_OK(scene.cpu.Load(Program().Read64(scene.GpaOf(2)).Write64(scene.GpaOf(2), kLateMark)));
  GuestExit left;
  Actor run("run");
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.shared.hva() + Pages(2)));
  run.Start([&] {
    left = scene.cpu.RunUntilDone(TryAgain());
    return left.call.Record();
  });
  ASSERT_REACHED(anchor.WaitReached(), "the guest waits for its page");

  EXPECT_THAT(scene.Convert(scene.all(), Kind::kPrivate), Succeeds());
  EXPECT_FALSE(run.Done());
  ReportAnchoredMeeting("a page was converted while its vCPU waited for it");

  ASSERT_OK(anchor.Release());
  run.Finish();
  EXPECT_TRUE(left.done()) << left.ToString();
  EXPECT_EQ(scene.cpu.result(0).value, kPrivateMark);
  EXPECT_EQ(scene.Word(2), 0u) << "the guest wrote to the shared page";
}

// A prefault waits for a shared page that becomes private meanwhile: it sorts that out or says so,
// and says where. Repeated it completes.
KCT_TEST(ConvertUnderPrefault, DoesNotWaitForIt, "PREFAULT-35", "ATTR-10", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene,
                       ConvertScene::Make({.content = ConvertOptions::Content::kFresh}));
  const Vcpu& vcpu = scene.cpu.vcpu();
  ASSERT_OK(scene.MustConvert(scene.all(), Kind::kPrivate));
  ASSERT_OK(scene.Do(Program().WriteTouch(scene.all(), kPrivateMark)));
  ASSERT_OK(scene.MustConvert(scene.all(), Kind::kShared));
  Actor prefault("prefault");
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.shared.hva()));
  vcpu.run().exit_reason = KVM_EXIT_UNKNOWN;
  prefault.Start([&] { return vcpu.PreFault(scene.all()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault waits for the first page");

  EXPECT_THAT(scene.Convert(scene.all(), Kind::kPrivate), Succeeds());
  EXPECT_FALSE(prefault.Done());
  ReportAnchoredMeeting("pages were converted under a prefault that waited for the first of them");

  ASSERT_OK(anchor.Release());
  const CallRecord answer = prefault.Finish();
  EXPECT_THAT(answer, testing::AnyOf(Completes(), MakesProgress(), FailsWith(EFAULT)));
  if (!answer.ok()) {
    EXPECT_EQ(vcpu.run().exit_reason, uint32_t{KVM_EXIT_MEMORY_FAULT});
    EXPECT_EQ(vcpu.MemoryFault().gpa, kHome.value);
  }
  EXPECT_THAT(vcpu.PreFaultAll(scene.all()), Completes());
  ASSERT_OK_AND_ASSIGN(std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "pppppppp");
  scene.FillShared(kSharedMark);
  EXPECT_THAT(scene.Convert(scene.all(), Kind::kShared), Succeeds());
  ASSERT_OK_AND_ASSIGN(kinds, scene.Kinds());
  EXPECT_EQ(kinds, "ssssssss");
}

// A conversion waits for the delete of a slot that is held up elsewhere, and holds for the slot
// that comes after it.
KCT_TEST(ConvertUnderUpdate, WaitsForADelete, "ATTR-07") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot other, scene.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kPage}));
  Actor prefault("prefault"), remove("delete"), convert("convert");
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(other.hva()));
  prefault.Start([&] { return scene.cpu.vcpu().PreFault(other.range()); });
  ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked");
  remove.Start([&] { return scene.slot.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn("synchronize_srcu"), "the delete is held up");
  convert.Start([&] { return scene.Convert(scene.PagesFrom(2, 2), Kind::kPrivate); });
  ASSERT_REACHED(convert.WaitBlockedIn("kvm_vm_ioctl"), "the conversion waits");
  EXPECT_FALSE(remove.Done());
  ReportAnchoredMeeting("a range was converted while the delete of its slot was held up");

  ASSERT_OK(anchor.Release());
  EXPECT_THAT(prefault.Finish(), Completes());
  EXPECT_THAT(remove.Finish(), Succeeds());
  EXPECT_THAT(convert.Finish(), Succeeds());
  ASSERT_THAT(scene.slot.Bind(), Succeeds());
  ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "ssppssss");
}

}  // namespace
}  // namespace kct
