// SPDX-License-Identifier: GPL-2.0-only
// One vCPU writes the guest's page tables while another walks them: those of the guest itself, or
// those by which a hypervisor translates for its guest.
#include <array>
#include <optional>

#include "harness/abi/host_memory.h"
#include "harness/race/page_anchor.h"
#include "harness/race/race.h"
#include "harness/testing/run_beside.h"
#include "tests/shadow/nested_stage.h"

namespace kct {
namespace {

using testing::AnyOf;

class ShadowRace : public RaceTest<Need::kShadow> {};
class ShadowRaceNested : public RaceTest<Need::kTdp, Need::kCpu, Need::kNestedSvm> {};

constexpr RaceOptions kMeetings{.meetings = 30};
constexpr uint64_t kWalks = 8;  // of a round

// In each of the two pages: where the walker counts, and a function that says which page it is.
constexpr Bytes kCounter{8}, kFunction{16};

// A stage with a second vCPU, and what becomes of an entry that changes in each round: the writer
// lets it lead to the other page; the walker reads, counts and executes there a few times, with a
// flush each; and after the round, once it has flushed, what it reads must be by the new one.
template <typename S>
class Rounds {
 public:
  enum class Fresh { kNo, kYes };  // whether each round begins without shadow pages

  static Result<Rounds> Make(Fresh fresh) {
    KCT_TRY(S stage, S::Make());
    KCT_TRY(Memslot other, stage.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kPage}));
    KCT_TRY(GuestCpu writer, stage.machine.AddCpu());
    for (const uint64_t page : {kData, kOtherData}) {
      stage.slot.memory().Word(Pages(page) + kFunction) =
          guest::FunctionReturning(static_cast<uint32_t>(page));
    }
    return Rounds(std::move(stage), std::move(other), std::move(writer), fresh);
  }

  S& stage() { return stage_; }
  GuestCpu& writer() { return writer_; }

  Status Prepare() {
    if (fresh_ == Fresh::kYes) {
      for (const MemoryRegionCall& call : {other_.Delete(), other_.Restore()}) {
        if (!call.ok()) return MakeError("{}", call.Record().ToString());
      }
    }
    Program walks;
    walks.LoopStart().Read64(kWindow).ExpectOneOf(MarkOf(kData), MarkOf(kOtherData));
    walks.AtomicAdd(kWindow + kCounter, 1);
    walks.Execute(kWindow + kFunction).ExpectOneOf(kData, kOtherData);
    KCT_TRY_STATUS(stage_.LoadReader(S::Flush(walks).Repeat(kWalks)));
    return writer_.Load(StoresOfRound());
  }

  // What the walker found in the round, and what it finds after a flush. An error is a finding,
  // too.
  Status Judge() {
    if (writer_.result(1).runs == 0) return MakeError("the writer did not come to write");
    const guest::OpResult met = stage_.cpu.result(0), ran = stage_.cpu.result(2);
    if (met.unexpected > 0 || ran.unexpected > 0) {
      return MakeError("while the entry changed the walker read {:#x}, or ran what answers {:#x}",
                       met.unexpected_value, ran.unexpected_value);
    }
    counted_ += stage_.cpu.result(1).count;
    const uint64_t counters = CounterOf(kData) + CounterOf(kOtherData);
    if (counters != counted_)
      return MakeError("{} writes, of which {} arrived", counted_, counters);
    ++(met.value == MarkOf(to()) ? found_new_ : found_old_);
    Program look;
    KCT_TRY_STATUS(stage_.LoadReader(S::Flush(look).Read64(kWindow)));
    const GuestExit guest_exit = stage_.cpu.Run();
    if (!guest_exit.done()) return MakeError("the walker: {}", guest_exit.ToString());
    const uint64_t after = stage_.cpu.result(1).value;
    if (after != MarkOf(to())) {
      return MakeError("after a flush the walker read {:#x}, not {:#x}", after, MarkOf(to()));
    }
    ++round_;
    return {};
  }

  uint32_t found_old() const { return found_old_; }
  uint32_t found_new() const { return found_new_; }

 private:
  Rounds(S stage, Memslot other, GuestCpu writer, Fresh fresh)
      : stage_(std::move(stage)),
        other_(std::move(other)),
        writer_(std::move(writer)),
        fresh_(fresh) {}

  // Rounds go there and back; the directory's entry and the table's take turns.
  bool back() const { return round_ % 2 != 0; }
  bool of_directory() const { return round_ / 2 % 2 == 0; }
  uint64_t to() const { return back() ? kData : kOtherData; }
  uint64_t CounterOf(uint64_t page) const {
    return stage_.slot.memory().Word(Pages(page) + kCounter);
  }

  // What is there once more, which lets KVM forget what it had made of it, and then the new entry.
  Program StoresOfRound() const {
    const uint64_t near = of_directory() ? kTable : kData;
    const uint64_t far = of_directory() ? kOtherTable : kOtherData;
    const Gpa at = EntryAt(of_directory() ? kDirectory : kTable);
    const uint64_t old_entry = EntryOf(back() ? far : near);
    const uint64_t new_entry = EntryOf(back() ? near : far);
    stage_.Word(kSource) = new_entry;
    Program stores;
    stores.Write64(at, old_entry);
    switch (round_ / 4 % 3) {
      case 0:
        return stores.Write64(at, new_entry);
      case 1:
        return stores.CompareAndSwap(at, old_entry, new_entry);
      default:
        return stores.Move(at, PageAt(kSource), kEntry);
    }
  }

  S stage_;
  Memslot other_;
  GuestCpu writer_;
  Fresh fresh_;
  uint64_t counted_ = 0;
  uint32_t round_ = 0, found_old_ = 0, found_new_ = 0;
};

template <typename S>
void RaceWriterAgainstWalker(typename Rounds<S>::Fresh fresh) {
  ASSERT_OK_AND_ASSIGN(Rounds<S> rounds, Rounds<S>::Make(fresh));
  ASSERT_OK(rounds.Prepare());
  Status judged;
  Race race(Seed(), kMeetings);
  race.Actor("walk", [&] { return rounds.stage().cpu.Run().call.Record(); });
  race.Actor("write", [&] { return rounds.writer().Run().call.Record(); });
  race.AfterRound([&] {
    const CallRecord done{};
    if (judged.ok()) judged = rounds.Judge();
    if (judged.ok()) judged = rounds.Prepare();
    return done;
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  EXPECT_TRUE(judged.ok()) << judged.error().message;
  Note(fmt::format("the walker met the old entry {} times, the new one {} times",
                   rounds.found_old(), rounds.found_new()));
  ASSERT_MET("walk against write", history);
  EXPECT_THAT(history, EveryCall("walk", Succeeds()));
  EXPECT_THAT(history, EveryCall("write", Succeeds()));
}

// A write to an entry in use, by a plain, a locked or a string store, is not lost on a vCPU that
// walks through it meanwhile.
KCT_TEST(ShadowRace, AWriteToAnEntryInUseIsNotLost, "SHADOW-01", "SHADOW-02") {
  RaceWriterAgainstWalker<Stage>(Rounds<Stage>::Fresh::kNo);
}

// Nor where the walk is the first one since all shadow pages went.
KCT_TEST(ShadowRace, AWriteThatMeetsTheFirstWalkIsNotLost, "SHADOW-01", "SHADOW-02") {
  RaceWriterAgainstWalker<Stage>(Rounds<Stage>::Fresh::kYes);
}

// A hypervisor's write to an entry in use is not lost on its guest, which walks on another vCPU.
KCT_TEST(ShadowRaceNested, AWriteToAnEntryInUseIsNotLost, "SHADOW-01", "SHADOW-02") {
  RaceWriterAgainstWalker<NestedStage>(Rounds<NestedStage>::Fresh::kNo);
}

// Nor where that walk is the first one.
KCT_TEST(ShadowRaceNested, AWriteThatMeetsTheFirstWalkIsNotLost, "SHADOW-01", "SHADOW-02") {
  RaceWriterAgainstWalker<NestedStage>(Rounds<NestedStage>::Fresh::kYes);
}

// A walk has found its page, for which it has to wait, and one of the entries that it came by
// changes meanwhile: once the page is there and the guest has flushed, the new entry counts.
template <typename S>
void ChangeAnEntryUnderAWalk() {
  for (const bool of_directory : {true, false}) {
    ASSERT_OK_AND_ASSIGN(S stage, S::Make());
    ASSERT_OK_AND_ASSIGN(GuestCpu writer, stage.machine.AddCpu());
    const Hva page = stage.slot.hva() + Pages(kData);
    ASSERT_THAT(DropPages(page, kPage), Succeeds());
    Program program;
    ASSERT_OK(stage.LoadReader(S::Flush(program.Read64(kWindow)).Read64(kWindow)));
    ASSERT_OK(writer.Load(Program().Write64(EntryAt(of_directory ? kDirectory : kTable),
                                            EntryOf(of_directory ? kOtherTable : kOtherData))));
    RunBeside run(stage.cpu);
    ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(page));
    run.Start();
    ASSERT_REACHED(anchor.WaitReached(), "the walk has come to its page");

    ASSERT_THAT(writer.Run(), IsDone());
    ReportAnchoredMeeting("an entry changed while a walk by it waited for its page");
    ASSERT_OK(anchor.Release());

    EXPECT_THAT(run.Finish(), IsDone());
    EXPECT_THAT(stage.cpu.result(0).value, AnyOf(0u, MarkOf(kOtherData)));
    EXPECT_EQ(stage.cpu.result(2).value, MarkOf(kOtherData));
  }
}

// What a walk has found is not used without another look: once its page is there and the guest has
// flushed, an entry that changed meanwhile counts as it is now.
KCT_TEST(ShadowRace, AnEntryThatChangesUnderAWalkIsReadAgain, "SHADOW-02", "SHADOW-01") {
  ChangeAnEntryUnderAWalk<Stage>();
}

// So it is for an inner guest and an entry of its hypervisor.
KCT_TEST(ShadowRaceNested, AnEntryThatChangesUnderAWalkIsReadAgain, "SHADOW-02", "SHADOW-01") {
  ChangeAnEntryUnderAWalk<NestedStage>();
}

// A store that KVM emulates waits in the page of its table, which is protected, while a walk makes
// the first shadow page of that table: it looks for one after it was made, not before.
template <typename S>
void WalkUnderAStore() {
  for (const uint64_t table : {kDirectory, kTable}) {
    ASSERT_OK_AND_ASSIGN(S stage, S::Make());
    ASSERT_OK_AND_ASSIGN(GuestCpu writer, stage.machine.AddCpu());
    const uint64_t new_entry = EntryOf(table == kDirectory ? kOtherTable : kOtherData);
    Program program;
    program.Read64(kWindow).Out(kStop, 0);
    ASSERT_OK(stage.LoadReader(S::Flush(program).Read64(kWindow)));
    ASSERT_OK(writer.Load(Program().InString(kStop, EntryAt(table), {4}, 4)));
    ASSERT_EQ(writer.Run().kind, ExitKind::kIo);
    writer.AnswerIo(static_cast<uint32_t>(new_entry));
    RunBeside store(writer);
    const Hva page = stage.slot.hva() + Pages(table);
    ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                         Userfaultfd::Register(page, kPage, OnFault::kWait, FaultKind::kProtected));
    ASSERT_THAT(uffd.Protect(page, kPage), Succeeds());
    store.Start();
    ASSERT_REACHED(uffd.NextFault(Clock::now() + PageAnchor::kPatience).has_value(),
                   "the store waits in its page");

    ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
    ASSERT_EQ(stage.cpu.result(0).value, MarkOf(kData));
    EXPECT_FALSE(store.actor().Done());
    ReportAnchoredMeeting("a table was walked for the first time while a store to it waited");
    ASSERT_THAT(uffd.Unprotect(page, kPage), Succeeds());

    EXPECT_THAT(store.Finish(), IsDone());
    ASSERT_EQ(stage.EntryNow(table), new_entry);
    EXPECT_THAT(stage.cpu.Run(), IsDone());
    EXPECT_EQ(stage.cpu.result(3).value, MarkOf(kOtherData)) << "table " << table;
  }
}

// A store looks for shadow pages once it is made, not before: it finds one that was made while it
// waited.
KCT_TEST(ShadowRace, AStoreLooksForShadowPagesOnceItIsMade, "SHADOW-02", "SHADOW-01") {
  WalkUnderAStore<Stage>();
}

// So does one of a hypervisor to an entry of its guest's.
KCT_TEST(ShadowRaceNested, AStoreLooksForShadowPagesOnceItIsMade, "SHADOW-02", "SHADOW-01") {
  WalkUnderAStore<NestedStage>();
}

// What a vCPU reads through the window after a flush; none: it did not get there.
std::optional<uint64_t> ReadAfterFlush(GuestCpu& cpu) {
  if (!cpu.Load(Program().InvalidatePage(kWindow).Read64(kWindow)).ok()) return std::nullopt;
  if (!cpu.Run().done()) return std::nullopt;
  return cpu.result(1).value;
}

// A store by an instruction that writes no page tables arrives in the table's page, whether KVM
// finds a shadow page to drop or another vCPU is just making it.
KCT_TEST(ShadowRace, AStringStoreToATableArrives, "SHADOW-04", "SHADOW-01") {
  constexpr uint64_t kWords = 64;
  constexpr uint64_t kLooks = 20;
  constexpr uint64_t kFirstUnused = 8;
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  ASSERT_OK_AND_ASSIGN(GuestCpu writer, stage.machine.AddCpu());
  uint64_t round = 0;
  std::string complaint;
  const auto prepare = [&]() -> Status {
    Program walks;
    walks.LoopStart().InvalidatePage(kWindow).Read64(kWindow);
    walks.ExpectOneOf(MarkOf(kData), MarkOf(kOtherData)).Repeat(kLooks);
    KCT_TRY_STATUS(stage.cpu.Load(walks));
    // Values that are present in no table: the lowest bit is 0.
    for (uint64_t i = 0; i < kWords; ++i) {
      stage.slot.memory().Word(Pages(kSource) + kEntry * i) = (round * kWords + i) << 1;
    }
    // And the entry that the walks go through.
    stage.slot.memory().Word(Pages(kCode)) = EntryOf(round % 2 == 0 ? kOtherTable : kTable);
    Program stores;
    stores.Move(EntryAt(kDirectory), PageAt(kCode), kEntry);
    for (uint64_t i = 0; i < kWords; ++i) {
      stores.Move(EntryAt(kDirectory, kFirstUnused + i), PageAt(kSource) + kEntry * i, kEntry);
    }
    return writer.Load(stores);
  };
  ASSERT_OK(prepare());
  Race race(Seed(), {.meetings = 15});
  race.Actor("walk", [&] { return stage.cpu.Run().call.Record(); });
  race.Actor("write", [&] { return writer.Run().call.Record(); });
  race.AfterRound([&] {
    if (const guest::OpResult seen = stage.cpu.result(1); seen.unexpected > 0) {
      complaint = fmt::format("round {}: a walk read {:#x}", round, seen.unexpected_value);
    }
    for (uint64_t i = 0; i < kWords; ++i) {
      const uint64_t found = stage.EntryNow(kDirectory, kFirstUnused + i);
      if (found != (round * kWords + i) << 1) {
        complaint = fmt::format("round {}: word {} holds {:#x}", round, i, found);
      }
    }
    const uint64_t wanted = MarkOf(round % 2 == 0 ? kOtherData : kData);
    if (ReadAfterFlush(stage.cpu) != wanted) {
      complaint = fmt::format("round {}: an old entry after a flush", round);
    }
    ++round;
    const Status prepared = prepare();
    if (!prepared.ok()) complaint = prepared.error().message;
    return CallRecord{};
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  EXPECT_EQ(complaint, "");
  ASSERT_MET("walks against string stores", history);
  EXPECT_THAT(history, EveryCall("walk", Succeeds()));
  EXPECT_THAT(history, EveryCall("write", Succeeds()));
}

// An entry that is written half by half leads where one of its values in memory led, and never
// where a mixture of them would: the upper half changes first on the way there, and last on the way
// back.
KCT_TEST(ShadowRace, HalvesAreSeenInTheirOrder, "SHADOW-15", "SHADOW-01") {
  constexpr Gpa kHigh = kHome + 4_GiB;
  constexpr uint64_t kHighMark = 0x6869'6768;
  constexpr uint64_t kTimes = 40;
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot high,
                       stage.vm.AddMemslot({.gpa = kHigh, .size = Pages(kStagePages)}));
  ASSERT_OK_AND_ASSIGN(GuestCpu writer, stage.machine.AddCpu());
  for (const uint64_t page : {kData, kOtherData}) high.memory().Word(Pages(page)) = kHighMark;
  const Gpa lower = EntryAt(kTable), upper = lower + Bytes{4};
  const auto low_half = [](uint64_t entry) { return static_cast<uint32_t>(entry); };
  Program walks;
  walks.LoopStart().Read64(kWindow).ExpectOneOf(MarkOf(kData), kHighMark);
  walks.InvalidatePage(kWindow).Repeat(4 * kTimes);
  Program halves;
  halves.LoopStart().Write32(upper, 1).Write32(lower, low_half(EntryOf(kOtherData)));
  halves.Write32(lower, low_half(EntryOf(kData))).Write32(upper, 0).Repeat(kTimes);
  halves.Write32(upper, 1);
  ASSERT_EQ(ReadAfterFlush(stage.cpu), MarkOf(kData));
  ASSERT_OK(stage.cpu.Load(walks));
  ASSERT_OK(writer.Load(halves));
  std::string complaint;
  Race race(Seed(), {.meetings = 15});
  race.Actor("walk", [&] { return stage.cpu.Run().call.Record(); });
  race.Actor("write", [&] { return writer.Run().call.Record(); });
  race.AfterRound([&] {
    if (const guest::OpResult seen = stage.cpu.result(0); seen.unexpected > 0) {
      complaint = fmt::format("a walk read {:#x}", seen.unexpected_value);
    }
    if (ReadAfterFlush(stage.cpu) != kHighMark) complaint = "an old entry after a flush";
    for (const Status& loaded : {stage.cpu.Load(walks), writer.Load(halves)}) {
      if (!loaded.ok()) complaint = loaded.error().message;
    }
    return CallRecord{};
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  EXPECT_EQ(complaint, "");
  ASSERT_MET("walks against half stores", history);
  EXPECT_THAT(history, EveryCall("walk", Succeeds()));
  EXPECT_THAT(history, EveryCall("write", Succeeds()));
}

}  // namespace
}  // namespace kct
