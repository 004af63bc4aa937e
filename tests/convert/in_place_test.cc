// SPDX-License-Identifier: GPL-2.0-only
// Proposed: pages of a guest_memfd that are converted in place, so that guest and host have the
// same memory one after the other. No released kernel has it; the tests run on the model, and on a
// kernel with the patches.
#include "harness/abi/host_access.h"
#include "harness/abi/scarce_objects.h"
#include "harness/race/actor.h"
#include "harness/race/race.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/gmem/scene.h"

namespace kct {
namespace {

class InPlace : public VmTest<Need::kInPlace> {};
class InPlaceHeld : public VmTest<Need::kInPlace, Need::kIoUring> {};
class InPlaceStarved : public VmTest<Need::kInPlace, Need::kFailslab> {};
class InPlaceRaces : public RaceTest<Need::kInPlace> {};

constexpr uint64_t kPrivate = KVM_MEMORY_ATTRIBUTE_PRIVATE, kSharedToo = 0;

// A software-protected VM; all pages of its file are shared and have the mark.
Result<GmemScene> SharedScene(uint64_t pages = 4) {
  KCT_TRY(GmemScene scene, GmemScene::Make({.pages = pages, .vm_type = VmType::kSwProtected}));
  scene.Mark(kMark);
  return scene;
}

// Which pages the host may touch: 's', or 'p' for one that is SIGBUS.
std::string HostView(const GmemScene& scene) {
  std::string view;
  for (uint64_t page = 0; page < scene.pages(); ++page) {
    view += TryLoad(scene.HvaOf(page)) ? 's' : 'p';
  }
  return view;
}

// Whether the host may touch all pages, and each has the mark.
bool HostFinds(const GmemScene& scene, uint64_t mark) {
  for (uint64_t page = 0; page < scene.pages(); ++page) {
    if (TryLoad(scene.HvaOf(page)) != mark) return false;
  }
  return true;
}

// What the host writes the guest finds, and the other way round; only its turn differs.
KCT_TEST(InPlace, KeepsContentsWhereAskedTo, "CONV-04") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, SharedScene());
  EXPECT_THAT(scene.file.Convert(scene.PageOf(1), kPrivate, kConvertPreserves), Succeeds());
  EXPECT_EQ(HostView(scene), "spss");
  ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(1));
  EXPECT_EQ(seen, kMark);
  ASSERT_OK(scene.Write(1, kOtherMark));

  EXPECT_THAT(scene.file.Convert(scene.file.all(), kSharedToo, kConvertPreserves), Succeeds());
  EXPECT_EQ(HostView(scene), "ssss");
  EXPECT_EQ(TryLoad(scene.HvaOf(1)), kOtherMark);
  EXPECT_EQ(TryLoad(scene.HvaOf(2)), kMark);
}

// Nothing of the guest's is left where that was asked for.
KCT_TEST(InPlace, ZeroesContentsWhereAskedTo, "CONV-04") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, SharedScene());
  ASSERT_THAT(scene.file.Convert(scene.file.all(), kPrivate, kConvertPreserves), Succeeds());
  ASSERT_OK(scene.Write(1, kOtherMark));
  EXPECT_THAT(scene.file.Convert(scene.file.all(), kSharedToo, kConvertZeroes), Succeeds());
  EXPECT_TRUE(HostFinds(scene, 0));
  ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(1));
  EXPECT_EQ(seen, 0u);
}

// A file that was private from the start is converted like any other.
KCT_TEST(InPlace, StartsFromEitherKind, "CONV-04") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.flags = GUEST_MEMFD_FLAG_MMAP,
                                                         .vm_type = VmType::kSwProtected}));
  EXPECT_EQ(HostView(scene), "pppp");
  ASSERT_OK(scene.Write(2, kMark));
  EXPECT_THAT(scene.file.Convert(scene.PageOf(2), kSharedToo, kConvertPreserves), Succeeds());
  EXPECT_EQ(HostView(scene), "ppsp");
  EXPECT_EQ(TryLoad(scene.HvaOf(2)), kMark);
}

// Bad arguments are EINVAL and change nothing.
KCT_TEST(InPlace, RefusesBadArguments, "CONV-04") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, SharedScene());
  const FileRange page = scene.PageOf(0);
  const uint64_t beyond = scene.file.size().count;
  struct Bad {
    const char* what;
    FileRange range;
    uint64_t attributes, contents;
  };
  for (const Bad& bad : {
           Bad{"both modes", page, kPrivate, kConvertZeroes | kConvertPreserves},
           Bad{"an unknown mode", page, kPrivate, kConvertPreserves << 1},
           Bad{"an unknown attribute", page, kPrivate << 1, kConvertPreserves},
           Bad{"no size", {0, {0}}, kPrivate, kConvertPreserves},
           Bad{"an unaligned size", {0, {8}}, kPrivate, kConvertPreserves},
           Bad{"an unaligned offset", {8, kPage}, kPrivate, kConvertPreserves},
           Bad{"the end of the file", {beyond, kPage}, kPrivate, kConvertPreserves},
           Bad{"a range that wraps",
               {~uint64_t{0} - kPage.count + 1, Pages(2)},
               kPrivate,
               kConvertPreserves},
       }) {
    EXPECT_THAT(scene.file.Convert(bad.range, bad.attributes, bad.contents), FailsWith(EINVAL))
        << bad.what;
  }
  EXPECT_EQ(HostView(scene), "ssss");
  EXPECT_TRUE(HostFinds(scene, kMark));
}

// A page that somebody else holds can't be taken from him. The call says which one it is, and no
// page of the range has changed.
KCT_TEST(InPlaceHeld, FailsAndNamesThePage, "CONV-05", "CONV-06") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, SharedScene());
  ASSERT_OK_AND_ASSIGN(UniqueFd pins, CurrentHost().PinPages(scene.HvaOf(2), kPage));
  const auto call = scene.file.Convert(scene.file.all(), kPrivate, kConvertPreserves);
  EXPECT_EQ(call.error, Errno(EAGAIN));
  EXPECT_EQ(call.after.error_offset, Pages(2).count);
  {
    SCOPED_CLAUSE("CONV-06");
    EXPECT_EQ(HostView(scene), "ssss");
    EXPECT_TRUE(HostFinds(scene, kMark));
  }
  // Others are free to go.
  EXPECT_THAT(scene.file.Convert(scene.PageOf(1), kPrivate, kConvertPreserves), Succeeds());
  EXPECT_EQ(HostView(scene), "spss");

  pins.Reset();
  EXPECT_THAT(scene.file.Convert(scene.file.all(), kPrivate, kConvertPreserves), Succeeds());
  EXPECT_EQ(HostView(scene), "pppp");
  ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(2));
  EXPECT_EQ(seen, kMark);
}

// With too little memory for its books the call fails before it has touched anything, the guest's
// mappings included.
KCT_TEST(InPlaceStarved, ChangesAllOrNothing, "CONV-06", "CONV-08") {
  int failures = 0;
  for (Bytes most = {0};; most = most + ScarceObjects::kStep) {
    ASSERT_OK_AND_ASSIGN(GmemScene scene, SharedScene());
    ASSERT_OK(scene.Do(Program().Touch(scene.slot.range())));
    ASSERT_OK_AND_ASSIGN(const uint64_t mapped, scene.vm.Statistic("pages_4k"));
    Call<KvmMemoryAttributes2> call;
    {
      ASSERT_OK_AND_ASSIGN(const ScarceObjects scarce, ScarceObjects::AtMost(most));
      call = scene.file.Convert(scene.file.all(), kPrivate, kConvertPreserves);
    }
    if (call.ok()) break;
    ++failures;
    SCOPED_TRACE(fmt::format("with {} of objects", most));
    ASSERT_THAT(call, FailsWith(ENOMEM));
    ASSERT_OK_AND_ASSIGN(const uint64_t still, scene.vm.Statistic("pages_4k"));
    {
      SCOPED_CLAUSE("CONV-08");
      EXPECT_EQ(still, mapped);
    }
    EXPECT_EQ(HostView(scene), "ssss");
    EXPECT_TRUE(HostFinds(scene, kMark));
  }
  EXPECT_GE(failures, 1);
}

// A guest that counts in a page that goes to and fro loses none of its additions.
KCT_TEST(InPlaceRaces, LoseNoWriteOfTheGuest, "CONV-04") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, SharedScene());
  ASSERT_OK(scene.Write(1, 0));
  uint64_t attributes = kPrivate;
  const auto load = [&] {
    const Status loaded =
        scene.cpu.Load(Program().LoopStart().AtomicAdd(GmemScene::GpaOf(1), 1).RepeatUntilFlag());
    return CallRecord{.what = "the guest's program", .ret = loaded.ok() ? 0 : -1};
  };
  uint64_t added = 0;
  ASSERT_TRUE(load().ok());
  Race race(Seed(), {.meetings = 10});
  race.Actor("run", [&] {
    // A conversion may throw the guest out: it is run again.
    const GuestExit guest_exit = scene.cpu.RunUntilDone([](const GuestExit& left) {
      return left.kind == ExitKind::kMemoryFault ? VcpuRunner::Then::kRunOn
                                                 : VcpuRunner::Then::kStop;
    });
    return guest_exit.call.Record();
  });
  race.Actor("convert", [&] {
    (void)scene.cpu.WaitUntilProgress(Clock::now() + Actor::kPatience);
    const CallRecord call = scene.file.Convert(scene.PageOf(1), attributes, kConvertPreserves);
    attributes ^= kPrivate;
    scene.cpu.RaiseFlag();
    return call;
  });
  race.AfterRound([&] {
    added += scene.cpu.result(0).count;
    return load();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("conversion in place against a guest", history);

  EXPECT_THAT(history, EveryCall("convert", Succeeds()));
  ASSERT_OK_AND_ASSIGN(const uint64_t sum, scene.Read(1));
  EXPECT_EQ(sum, added);
}

}  // namespace
}  // namespace kct
