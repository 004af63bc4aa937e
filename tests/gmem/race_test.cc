// SPDX-License-Identifier: GPL-2.0-only
// Files that are punched, poisoned, closed, bound and unbound against guests, prefaults and each
// other, met by chance and counted. What the guest reads is part of each verdict.
#include <atomic>

#include "harness/abi/host_memory.h"
#include "harness/race/actor.h"
#include "harness/race/race.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/sigbus.h"
#include "tests/gmem/scene.h"

namespace kct {
namespace {

using testing::AnyOf;

class GmemRaces : public RaceTest<Need::kRegion2, Need::kGuestMemfd> {};
class GmemRacesPrefault
    : public RaceTest<Need::kTdp, Need::kPrefault, Need::kRegion2, Need::kGuestMemfd> {};
class GmemRacesPoison : public RaceTest<Need::kRegion2, Need::kGuestMemfd, Need::kRoot> {};

const CallRecord kFine{.what = "nothing"};

// Something that was not as it should be makes a round fail to be restored, with this text.
CallRecord Wrong(const char* what) { return {.what = what, .ret = -1, .error = Errno(EIO)}; }

// What a guest has read that it could not have read: the first of it, over all rounds.
class Reader {
 public:
  Reader(GmemScene& scene, Program program) : scene_(scene), program_(std::move(program)) {}

  CallRecord Load() {
    return scene_.cpu.Load(program_).ok() ? kFine : Wrong("the guest's program");
  }
  // One KVM_RUN, and a look at what was read in it.
  CallRecord Run() {
    const GuestExit guest_exit = scene_.cpu.Run();
    for (const guest::OpResult& result : scene_.cpu.results()) {
      if (result.unexpected != 0 && wrong_.unexpected == 0) wrong_ = result;
    }
    return guest_exit.call;
  }
  // Waits until the guest is in its program, so that what comes next meets it.
  void AwaitProgress() const {
    (void)scene_.cpu.WaitUntilProgress(Clock::now() + Actor::kPatience);
  }
  // Only after the race.
  const guest::OpResult& wrong() const { return wrong_; }

 private:
  GmemScene& scene_;
  Program program_;
  guest::OpResult wrong_{};
};

void ExpectNothingWrong(const Reader& reader) {
  EXPECT_EQ(reader.wrong().unexpected, 0u)
      << fmt::format("the guest read {:#x} at {:#x}", reader.wrong().unexpected_value,
                     reader.wrong().unexpected_gpa);
}

// A guest reads all pages while they are punched: each is the old one or empty, and empty once the
// punch has returned. What it writes then is what the host finds.
void RacePunchWithRun(GmemScene& scene) {
  Program program;
  program.LoopStart().Touch(scene.slot.range()).ExpectOneOf(kMark, 0).RepeatUntilFlag();
  program.Touch(scene.slot.range()).Expect(0).WriteTouch(scene.slot.range(), kOtherMark);
  Reader reader(scene, program);
  scene.Mark(kMark);
  ASSERT_TRUE(reader.Load().ok());
  Race race(Seed(), {.meetings = 12});
  race.Actor("run", [&] { return reader.Run(); });
  race.Actor("punch", [&] {
    reader.AwaitProgress();
    const CallRecord punched = scene.file.Punch(scene.file.all());
    scene.cpu.RaiseFlag();
    return punched;
  });
  race.AfterRound([&] {
    if (!scene.IsMarked(kOtherMark)) return Wrong("what the guest wrote after the punch is lost");
    scene.Mark(kMark);
    return reader.Load();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("punch against a guest that reads", history);

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("punch", Succeeds()));
  ExpectNothingWrong(reader);
}

// A page that was punched is nobody's any more.
KCT_TEST(GmemRaces, APunchLeavesTheGuestNoOldPage, "GMEM-17", "GMEM-33") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 8}));
  RacePunchWithRun(scene);
}

// Two vCPUs fill the pages again while they are punched: what each writes after the punch stays.
KCT_TEST(GmemRaces, APunchTakesNothingThatIsWrittenLater, "GMEM-17", "GMEM-33") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 8}));
  Program program;
  program.LoopStart().WriteTouch(scene.slot.range(), kMark).RepeatUntilFlag();
  program.WriteTouch(scene.slot.range(), kOtherMark).Touch(scene.slot.range()).Expect(kOtherMark);
  Reader writer(scene, program);
  ASSERT_TRUE(writer.Load().ok());
  Race race(Seed(), {.meetings = 12});
  race.Actor("run", [&] { return writer.Run(); });
  race.Actor("punch", [&] {
    writer.AwaitProgress();
    const CallRecord punched = scene.file.Punch(scene.file.all());
    scene.cpu.RaiseFlag();
    return punched;
  });
  race.AfterRound([&] {
    if (!scene.IsMarked(kOtherMark)) return Wrong("what the guest wrote after the punch is lost");
    return writer.Load();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("punch against a guest that writes", history);

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("punch", Succeeds()));
  ExpectNothingWrong(writer);
}

// What a thread of the host finds in pages that are punched meanwhile, once through all of them.
CallRecord ReadAll(const GmemScene& scene, const std::atomic<bool>& punched) {
  CallRecord record{.what = "host reads"};
  record.begin = StampTsc();
  bool last = false;
  do {
    last = punched;
    for (uint64_t page = 0; page < scene.pages(); ++page) {
      const uint64_t seen = scene.Word(page);
      if (seen == 0 || (seen == kMark && !last)) continue;
      record.ret = -1;
      record.error = Errno(EIO);
      record.before = record.after = {page, seen};
    }
  } while (!last);
  record.end = StampTsc();
  return record;
}

// Nor does a thread of the host find an old page.
KCT_TEST(GmemRaces, APunchLeavesTheHostNoOldPage, "GMEM-17") {
  ASSERT_OK_AND_ASSIGN(const GmemScene scene, GmemScene::Make({.pages = 8}));
  std::atomic<bool> punched{false};
  scene.Mark(kMark);
  Race race(Seed(), {.meetings = 12});
  race.Actor("host", [&] { return ReadAll(scene, punched); });
  race.Actor("punch", [&] {
    const CallRecord punch = scene.file.Punch(scene.file.all());
    punched = true;
    return punch;
  });
  race.AfterRound([&] {
    punched = false;
    scene.Mark(kMark);
    return kFine;
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("punch against a thread of the host that reads", history);

  EXPECT_THAT(history, EveryCall("host", Succeeds()));
  EXPECT_THAT(history, EveryCall("punch", Succeeds()));
}

// A prefault that meets a punch completes, and maps the page that the file has from then on.
KCT_TEST(GmemRacesPrefault, APunchLeavesNoOldPageMapped, "GMEM-17", "GMEM-37") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 8}));
  Reader reader(scene, Program().Touch(scene.slot.range()).Expect(kMark));
  Race race(Seed(), {.meetings = 12});
  race.Actor("prefault", [&] { return scene.cpu.vcpu().PreFault(scene.slot.range()); });
  race.Actor("punch", [&] { return scene.file.Punch(scene.file.all()); });
  race.AfterRound([&] {
    scene.Mark(kMark);  // the host's pages, which the guest has to find
    if (!reader.Load().ok()) return Wrong("the guest's program");
    return reader.Run();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("punch against a prefault", history);

  EXPECT_THAT(history, EveryCall("prefault", Completes()));
  EXPECT_THAT(history, EveryCall("punch", Succeeds()));
  ExpectNothingWrong(reader);
}

// The last close under a running guest: its KVM_RUN fails, and up to then it has read the file.
KCT_TEST(GmemRaces, TheLastCloseEndsKvmRun, "GMEM-26") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  // The last access is made after the close, whatever the guest was at.
  const GpaRange range = scene.slot.range();
  Reader reader(scene,
                Program().Touch(range).Expect(kMark).RepeatUntilFlag().Touch(range).Expect(kMark));
  scene.Mark(kMark);
  ASSERT_TRUE(reader.Load().ok());
  Race race(Seed(), {.meetings = 12});
  race.Actor("run", [&] { return reader.Run(); });
  race.Actor("close", [&] {
    reader.AwaitProgress();
    const CallRecord closed = scene.CloseFile();
    scene.cpu.RaiseFlag();
    return closed;
  });
  race.AfterRound([&] {
    if (const CallRecord removed = scene.slot.Delete(); !removed.ok()) return removed;
    if (!scene.Renew().ok()) return Wrong("another file for the slot");
    scene.Mark(kMark);
    return reader.Load();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("the last close against a guest that reads", history);

  EXPECT_THAT(history, EveryCall("run", FailsWith(EFAULT)));
  ExpectNothingWrong(reader);
}

// The last close and the delete of the slot come to an end in either order, and leave neither.
KCT_TEST(GmemRaces, TheLastCloseAndADeleteBothComplete, "GMEM-26") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  Race race(Seed(), {.meetings = 12});
  race.Actor("close", [&] { return scene.CloseFile(); });
  race.Actor("delete", [&] { return scene.slot.Delete(); });
  race.AfterRound([&] {
    if (!scene.Renew().ok()) return Wrong("another file for the slot");
    scene.Mark(kMark);
    Result<uint64_t> seen = scene.Read(0);
    return seen.ok() && *seen == kMark ? kFine : Wrong("the guest does not find the new file");
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("the last close against the delete of the slot", history);

  EXPECT_THAT(history, EveryCall("delete", Succeeds()));
}

// A range is bound while the slot that has it is deleted: that succeeds or comes too early, and
// never are there two.
KCT_TEST(GmemRaces, ABindComesBeforeOrAfterADelete, "GMEM-21") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  const GuestMemfdSlot second(scene.vm, scene.file,
                              {.slot = kSlot + 1, .gpa = 2_GiB_gpa, .size = scene.file.size()});
  scene.Mark(kMark);
  std::atomic<bool> bound{false};
  Race race(Seed(), {.meetings = 15});
  race.Actor("delete", [&] { return scene.slot.Delete(); });
  race.Actor("bind", [&] {
    const CallRecord call = second.Bind();
    bound = call.ok();
    return call;
  });
  race.AfterRound([&]() -> CallRecord {
    if (bound) {
      Result<uint64_t> seen = scene.ReadAt(2_GiB_gpa);
      if (!seen.ok() || *seen != kMark) return Wrong("the new slot does not show the file");
      if (scene.slot.Bind().ok()) return Wrong("the range is bound twice");
      if (const CallRecord removed = second.Delete(); !removed.ok()) return removed;
    }
    return scene.slot.Bind();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("bind against the delete of the slot that has the range", history);

  EXPECT_THAT(history, EveryCall("delete", Succeeds()));
  EXPECT_THAT(history, EveryCall("bind", AnyOf(Succeeds(), FailsWith(EEXIST))));
}

// A slot is deleted while its pages are punched: whoever comes first, the next slot is empty, and
// is the file's.
KCT_TEST(GmemRaces, ADeleteAndAPunchLeaveAnEmptyFile, "GMEM-17", "GMEM-25") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 8}));
  const GpaRange range = scene.slot.range();
  Reader reader(scene, Program().Touch(range).Expect(0).WriteTouch(range, kMark));
  ASSERT_TRUE(reader.Load().ok());
  ASSERT_TRUE(reader.Run().ok());
  Race race(Seed(), {.meetings = 12});
  race.Actor("delete", [&] { return scene.slot.Delete(); });
  race.Actor("punch", [&] { return scene.file.Punch(scene.file.all()); });
  race.AfterRound([&]() -> CallRecord {
    if (const CallRecord bound = scene.slot.Bind(); !bound.ok()) return bound;
    if (const CallRecord loaded = reader.Load(); !loaded.ok()) return loaded;
    if (const CallRecord ran = reader.Run(); !ran.ok()) return ran;
    return scene.IsMarked(kMark) ? kFine : Wrong("the host does not find what the guest wrote");
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("delete of the slot against punch", history);

  EXPECT_THAT(history, EveryCall("delete", Succeeds()));
  EXPECT_THAT(history, EveryCall("punch", Succeeds()));
  ExpectNothingWrong(reader);
}

// Poison under a running guest: its KVM_RUN fails with the errno of poison, and up to then it has
// read the page. Each round takes another page, since the machine loses it.
KCT_TEST(GmemRacesPoison, PoisonEndsKvmRun, "GMEM-35") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 8}));
  uint64_t page = 0;
  std::unique_ptr<Reader> reader;
  guest::OpResult wrong{};
  const auto aim = [&] {
    Program program;
    program.Read64(scene.GpaOf(page)).Expect(kMark).RepeatUntilFlag();
    program.Read64(scene.GpaOf(page)).Expect(kMark);  // after the poison, if it comes to that
    reader = std::make_unique<Reader>(scene, program);
    return reader->Load();
  };
  scene.Mark(kMark);
  ASSERT_TRUE(aim().ok());
  const SigbusCatcher catcher;
  Race race(Seed(), {.meetings = 6, .most_rounds = 8});
  race.Actor("run", [&] { return reader->Run(); });
  race.Actor("poison", [&] {
    reader->AwaitProgress();
    const CallRecord poisoned =
        Madvise(scene.HvaOf(page), kPage, MADV_HWPOISON, "madvise HWPOISON");
    scene.cpu.RaiseFlag();
    return poisoned;
  });
  race.AfterRound([&] {
    if (reader->wrong().unexpected != 0) wrong = reader->wrong();
    page = (page + 1) % scene.pages();
    return aim();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("poison against a guest that reads", history);

  EXPECT_THAT(history, EveryCall("run", FailsWith(EHWPOISON)));
  EXPECT_THAT(history, EveryCall("poison", FailsWith(EBUSY)));
  EXPECT_EQ(wrong.unexpected, 0u) << wrong.unexpected_value;
  ASSERT_THAT(scene.file.Punch(scene.file.all()), Succeeds());
  ASSERT_OK(scene.Do(Program().Touch(scene.slot.range()).Expect(0)));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
}

}  // namespace
}  // namespace kct
