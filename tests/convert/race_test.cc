// SPDX-License-Identifier: GPL-2.0-only
// Conversions against guests, prefaults, changes of slots, punches and each other, met by chance
// and counted. What the guest reads is part of each verdict.
#include <atomic>

#include "harness/abi/host_memory.h"
#include "harness/race/actor.h"
#include "harness/race/race.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/convert/scene.h"

namespace kct {
namespace {

class ConvertRaces : public RaceTest<Need::kSwProtected> {};
class ConvertRacesPrefault : public RaceTest<Need::kSwProtected, Need::kPrefault> {};

const CallRecord kFine{.what = "nothing"};

// Something that was not as it should be makes a round fail to be restored, with this text.
CallRecord Wrong(const char* what) { return {.what = what, .ret = -1, .error = Errno(EIO)}; }
CallRecord FineIf(bool as_it_should_be, const char* what) {
  return as_it_should_be ? kFine : Wrong(what);
}

// A guest that runs again where a conversion has thrown it out. Its last exit, and what it has read
// that it could not have read, over all rounds.
class Runner {
 public:
  explicit Runner(ConvertScene& scene) : scene_(scene) {}

  CallRecord Run() {
    TryAgain try_again;
    const GuestExit guest_exit = scene_.cpu.RunUntilDone([&](const GuestExit& left) {
      if (left.kind == ExitKind::kMemoryFault) ++thrown_out_;
      return try_again(left);
    });
    for (const guest::OpResult& result : scene_.cpu.results()) {
      if (result.unexpected != 0 && wrong_.unexpected == 0) wrong_ = result;
    }
    if (!guest_exit.done()) {
      CallRecord record = guest_exit.call;
      record.ret = -1;
      return record;
    }
    return guest_exit.call;
  }
  // Converts once the guest is in its program, and tells it when that is done.
  CallRecord ConvertUnder(GpaRange range, Kind kind) const {
    (void)scene_.cpu.WaitUntilProgress(Clock::now() + Actor::kPatience);
    const CallRecord converted = scene_.Convert(range, kind);
    scene_.cpu.RaiseFlag();
    return converted;
  }
  // Only after the race.
  void ExpectNothingWrong() const {
    EXPECT_EQ(wrong_.unexpected, 0u) << fmt::format("the guest read {:#x} at {:#x}",
                                                    wrong_.unexpected_value, wrong_.unexpected_gpa);
    Note(fmt::format("KVM_RUN was EFAULT for a conversion {} times", thrown_out_));
  }

 private:
  ConvertScene& scene_;
  guest::OpResult wrong_{};
  int thrown_out_ = 0;
};

// A guest reads pages that are converted there and back: it finds either kind during the call, and
// the new one from then on. Where it is thrown out it goes on at once.
KCT_TEST(ConvertRaces, LeaveAReaderNoOldPage, "ATTR-10", "RUN-26") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  Runner runner(scene);
  Kind next = Kind::kPrivate;
  const auto load = [&] {
    Program program;
    program.LoopStart().Touch(scene.all()).ExpectOneOf(kSharedMark, kPrivateMark).RepeatUntilFlag();
    program.Touch(scene.all()).Expect(MarkOf(next));
    return FineIf(scene.cpu.Load(program).ok(), "the guest's program");
  };
  ASSERT_TRUE(load().ok());
  Race race(Seed(), {.meetings = 12});
  race.Actor("run", [&] { return runner.Run(); });
  race.Actor("convert", [&] { return runner.ConvertUnder(scene.all(), next); });
  race.AfterRound([&] {
    next = OtherThan(next);
    return load();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("conversion against a guest that reads", history);

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("convert", Succeeds()));
  runner.ExpectNothingWrong();
}

// A guest writes to pages that become private: after the call nothing that it writes is seen by the
// host, and all of it is there.
KCT_TEST(ConvertRaces, LeaveAWriterNoOldPage, "ATTR-10", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  Runner runner(scene);
  const auto load = [&] {
    Program program;
    program.LoopStart().WriteTouch(scene.all(), kSharedMark).RepeatUntilFlag();
    program.WriteTouch(scene.all(), kPrivateMark).Touch(scene.all()).Expect(kPrivateMark);
    return FineIf(scene.cpu.Load(program).ok(), "the guest's program");
  };
  ASSERT_TRUE(load().ok());
  Race race(Seed(), {.meetings = 12});
  race.Actor("run", [&] { return runner.Run(); });
  race.Actor("convert", [&] {
    (void)scene.cpu.WaitUntilProgress(Clock::now() + Actor::kPatience);
    const CallRecord converted = scene.Convert(scene.all(), Kind::kPrivate);
    scene.FillShared(kLateMark);  // from here on nobody else writes there
    scene.cpu.RaiseFlag();
    return converted;
  });
  race.AfterRound([&] {
    if (!scene.SharedIs(kLateMark)) return Wrong("the guest wrote to a page that it had no more");
    if (!scene.Convert(scene.all(), Kind::kShared).ok()) return Wrong("converting back");
    Result<uint64_t> shared = scene.Read(0);
    if (!shared.ok() || *shared != kLateMark)
      return Wrong("the guest does not find the shared page");
    return load();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("conversion against a guest that writes", history);

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("convert", Succeeds()));
  runner.ExpectNothingWrong();
}

// A prefault that meets a conversion completes or says where it met it, and leaves no page of the
// old kind mapped.
KCT_TEST(ConvertRacesPrefault, LeaveNoOldPageMapped, "PREFAULT-35", "ATTR-10") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  const Vcpu& vcpu = scene.cpu.vcpu();
  std::atomic<bool> bare{false};
  Kind next = Kind::kPrivate;
  Race race(Seed(), {.meetings = 12});
  race.Actor("prefault", [&] {
    vcpu.run().exit_reason = KVM_EXIT_UNKNOWN;
    const CallRecord call = vcpu.PreFault(scene.all());
    if (!call.ok() && vcpu.run().exit_reason != KVM_EXIT_MEMORY_FAULT) bare = true;
    return call;
  });
  race.Actor("convert", [&] { return scene.Convert(scene.all_and_more(), next).Record(); });
  race.AfterRound([&] {
    Result<std::string> kinds = scene.Kinds();
    const std::string wanted(scene.pages(), next == Kind::kPrivate ? 'p' : 's');
    next = OtherThan(next);
    if (!kinds.ok() || *kinds != wanted) return Wrong("the guest finds a page of the old kind");
    return FineIf(vcpu.PreFaultAll(scene.all()).ok(), "a prefault with nothing beside it");
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("conversion against a prefault", history);

  EXPECT_THAT(history, EveryCall("convert", Succeeds()));
  EXPECT_THAT(history, EveryCall("prefault",
                                 testing::AnyOf(Completes(), MakesProgress(), FailsWith(EFAULT))));
  EXPECT_FALSE(bare) << "EFAULT without KVM_EXIT_MEMORY_FAULT";
}

// A conversion and the delete of the slot: both are done, and the next slot shows it.
KCT_TEST(ConvertRaces, HoldForTheNextSlot, "ATTR-07") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  Kind next = Kind::kPrivate;
  Race race(Seed(), {.meetings = 12});
  race.Actor("delete", [&] { return scene.slot.Delete(); });
  race.Actor("convert", [&] { return scene.Convert(scene.all_and_more(), next).Record(); });
  race.AfterRound([&]() -> CallRecord {
    if (const CallRecord bound = scene.slot.Bind(); !bound.ok()) return bound;
    Result<std::string> kinds = scene.Kinds();
    const char* const wanted = next == Kind::kPrivate ? "pppppppp" : "ssssssss";
    next = OtherThan(next);
    return FineIf(kinds.ok() && *kinds == wanted, "the next slot does not show the conversion");
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("conversion against the delete of the slot", history);

  EXPECT_THAT(history, EveryCall("delete", Succeeds()));
  EXPECT_THAT(history, EveryCall("convert", Succeeds()));
}

// A slot that moves takes its memory with it and leaves its address as private as it was.
KCT_TEST(ConvertRaces, StayWhereASlotMovesAway, "ATTR-07", "RUN-24") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  constexpr Gpa kHere = 2_GiB_gpa, kThere = 3_GiB_gpa;
  ASSERT_OK_AND_ASSIGN(Memslot plain, scene.vm.AddMemslot({.gpa = kHere, .size = kPage}));
  plain.memory().Word({0}) = kSharedMark;
  const GpaRange around{kHere - 1_MiB, 1_MiB + kPage};  // so that it takes its time
  Kind next = Kind::kPrivate;
  Race race(Seed(), {.meetings = 12});
  race.Actor("move", [&] { return plain.MoveTo(kThere); });
  race.Actor("convert", [&] { return scene.Convert(around, next).Record(); });
  race.AfterRound([&]() -> CallRecord {
    if (!scene.TryRead(kThere).done() || scene.cpu.result(0).value != kSharedMark) {
      return Wrong("the slot is not where it was moved to");
    }
    if (const CallRecord back = plain.MoveTo(kHere); !back.ok()) return back;
    const GuestExit seen = scene.TryRead(kHere);
    const bool is_private = seen.kind == ExitKind::kMemoryFault;
    const bool as_wanted = is_private == (next == Kind::kPrivate) && (is_private || seen.done());
    next = OtherThan(next);
    return FineIf(as_wanted, "the address is not of the kind that it was converted to");
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("conversion against the move of a slot", history);

  EXPECT_THAT(history, EveryCall("move", Succeeds()));
  EXPECT_THAT(history, EveryCall("convert", Succeeds()));
}

// A hole in the file and a conversion: the private pages are gone, the shared ones are not.
KCT_TEST(ConvertRaces, LeaveAHoleAHole, "GMEM-17", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  const auto fill = [&] {
    if (!scene.Convert(scene.all_and_more(), Kind::kPrivate).ok()) return Wrong("converting");
    return FineIf(scene.Do(Program().WriteTouch(scene.all(), kPrivateMark)).ok(), "filling");
  };
  ASSERT_TRUE(fill().ok());
  Race race(Seed(), {.meetings = 12});
  race.Actor("punch", [&] { return scene.file.Punch(scene.file.all()); });
  race.Actor("convert",
             [&] { return scene.Convert(scene.all_and_more(), Kind::kShared).Record(); });
  race.AfterRound([&] {
    Result<std::string> shared = scene.Kinds();
    if (!shared.ok() || *shared != "ssssssss")
      return Wrong("the shared pages are not as they were");
    if (!scene.Convert(scene.all_and_more(), Kind::kPrivate).ok()) return Wrong("converting");
    Result<std::string> holes = scene.Kinds();
    if (!holes.ok() || *holes != "????????") return Wrong("a punched page has its old contents");
    return fill();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("conversion against a punch", history);

  EXPECT_THAT(history, EveryCall("punch", Succeeds()));
  EXPECT_THAT(history, EveryCall("convert", Succeeds()));
}

// Two conversions of ranges that overlap: what both have is as one of them wants it, all of it.
// Each goes on where there is no slot, so that it takes its time.
KCT_TEST(ConvertRaces, AreMadeOneAfterTheOther, "ATTR-08", "ATTR-10") {
  constexpr uint64_t kOwn = 8, kBoth = 16;  // pages of the slot: of one, of both, of the other
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make({.pages = 2 * kOwn + kBoth}));
  const GpaRange below{kHome - 2_MiB, 2_MiB + Pages(kOwn + kBoth)};
  const GpaRange above{scene.GpaOf(kOwn), Pages(kBoth + kOwn) + 2_MiB};
  const GpaRange only_above{scene.GpaOf(kOwn + kBoth), Pages(kOwn) + 2_MiB};
  ASSERT_OK(scene.MustConvert(only_above, Kind::kPrivate));
  int private_last = 0, shared_last = 0;
  Race race(Seed(), {.meetings = 12});
  race.Actor("to private", [&] { return scene.Convert(below, Kind::kPrivate).Record(); });
  race.Actor("to shared", [&] { return scene.Convert(above, Kind::kShared).Record(); });
  race.AfterRound([&] {
    Result<std::string> kinds = scene.Kinds();
    if (!kinds.ok()) return Wrong("the guest does not come to its end");
    const std::string own_private(kOwn, 'p'), own_shared(kOwn, 's');
    const bool is_private = *kinds == own_private + std::string(kBoth, 'p') + own_shared;
    const bool is_shared = *kinds == own_private + std::string(kBoth, 's') + own_shared;
    if (!is_private && !is_shared) return Wrong("the range is not as either wants it");
    ++(is_private ? private_last : shared_last);
    const bool back =
        scene.Convert(below, Kind::kShared).ok() && scene.Convert(only_above, Kind::kPrivate).ok();
    return FineIf(back, "converting back");
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("conversion against a conversion", history);

  EXPECT_THAT(history, EveryCall("to private", Succeeds()));
  EXPECT_THAT(history, EveryCall("to shared", Succeeds()));
  Note(fmt::format("private had the last word {} times, shared {} times", private_last,
                   shared_last));
}

}  // namespace
}  // namespace kct
