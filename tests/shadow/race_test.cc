// SPDX-License-Identifier: GPL-2.0-only
// One vCPU writes the guest's page tables while another walks them.
#include <array>
#include <optional>

#include "harness/race/race.h"
#include "tests/shadow/stage.h"

namespace kct {
namespace {

class ShadowRace : public RaceTest<Need::kShadow> {};

constexpr RaceOptions kMeetings{.meetings = 30};
constexpr uint64_t kWalks = 8;  // of a round

// A stage with a second vCPU, and what becomes of an entry that changes in each round: the writer
// lets it lead to the other page, the walker goes through it a few times, and after the round, once
// the walker has flushed, what it reads must be by the new one.
class Rounds {
 public:
  enum class Fresh { kNo, kYes };  // whether each round begins without shadow pages

  static Result<Rounds> Make(Fresh fresh) {
    KCT_TRY(Stage stage, Stage::Make());
    KCT_TRY(Memslot other, stage.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kPage}));
    KCT_TRY(GuestCpu writer, stage.machine.AddCpu());
    return Rounds(std::move(stage), std::move(other), std::move(writer), fresh);
  }

  Stage& stage() { return stage_; }
  GuestCpu& writer() { return writer_; }

  Status Prepare() {
    if (fresh_ == Fresh::kYes) {
      for (const MemoryRegionCall& call : {other_.Delete(), other_.Restore()}) {
        if (!call.ok()) return MakeError("{}", call.Record().ToString());
      }
    }
    Program walks;
    walks.LoopStart().Read64(kWindow).ExpectOneOf(MarkOf(kData), MarkOf(kOtherData));
    KCT_TRY_STATUS(stage_.cpu.Load(walks.InvalidatePage(kWindow).Repeat(kWalks)));
    return writer_.Load(StoresOfRound());
  }

  // What the walker found in the round, and what it finds after a flush. An error is a finding,
  // too.
  Status Judge() {
    if (writer_.result(1).runs == 0) return MakeError("the writer did not come to write");
    const guest::OpResult met = stage_.cpu.result(0);
    if (met.unexpected > 0) {
      return MakeError("the walker read {:#x} while the entry changed", met.unexpected_value);
    }
    ++(met.value == MarkOf(to()) ? found_new_ : found_old_);
    KCT_TRY_STATUS(stage_.cpu.Load(Program().InvalidatePage(kWindow).Read64(kWindow)));
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
  Rounds(Stage stage, Memslot other, GuestCpu writer, Fresh fresh)
      : stage_(std::move(stage)),
        other_(std::move(other)),
        writer_(std::move(writer)),
        fresh_(fresh) {}

  // Rounds go there and back; the directory's entry and the table's take turns.
  bool back() const { return round_ % 2 != 0; }
  bool of_directory() const { return round_ / 2 % 2 == 0; }
  uint64_t to() const { return back() ? kData : kOtherData; }

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

  Stage stage_;
  Memslot other_;
  GuestCpu writer_;
  Fresh fresh_;
  uint32_t round_ = 0, found_old_ = 0, found_new_ = 0;
};

void RaceWriterAgainstWalker(Rounds::Fresh fresh) {
  ASSERT_OK_AND_ASSIGN(Rounds rounds, Rounds::Make(fresh));
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
  RaceWriterAgainstWalker(Rounds::Fresh::kNo);
}

// Nor where the walk is the first one since all shadow pages went.
KCT_TEST(ShadowRace, AWriteThatMeetsTheFirstWalkIsNotLost, "SHADOW-01", "SHADOW-02") {
  RaceWriterAgainstWalker(Rounds::Fresh::kYes);
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
