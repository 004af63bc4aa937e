// SPDX-License-Identifier: GPL-2.0-only
// One vCPU writes the guest's page tables while another walks them.
#include <array>
#include <optional>

#include "harness/race/race.h"
#include "tests/shadow/stage.h"

namespace kct {
namespace {

class ShadowRace : public RaceTest<Need::kShadow> {};

constexpr RaceOptions kMeetings{.meetings = 100};

// A stage with a second vCPU, and what becomes of an entry that changes in each round: the writer
// lets it lead to the other page, the walker goes through it, and after the round, once the walker
// has flushed, what it reads must be by the new one.
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
    KCT_TRY_STATUS(stage_.cpu.Load(Program().Read64(kWindow)));
    return writer_.Load(StoreOfRound());
  }

  // What the walker found in the round, and what it finds after a flush. An error is a finding,
  // too.
  Status Judge() {
    if (!writer_.result(0).runs) return MakeError("the writer did not come to write");
    const uint64_t met = stage_.cpu.result(0).value;
    if (met != MarkOf(from()) && met != MarkOf(to())) {
      return MakeError("the walker read {:#x} while the entry changed", met);
    }
    ++(met == MarkOf(to()) ? found_new_ : found_old_);
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
  uint64_t from() const { return back() ? kOtherData : kData; }
  uint64_t to() const { return back() ? kData : kOtherData; }

  Program StoreOfRound() const {
    const uint64_t near = of_directory() ? kTable : kData;
    const uint64_t far = of_directory() ? kOtherTable : kOtherData;
    const Gpa at = EntryAt(of_directory() ? kDirectory : kTable);
    const uint64_t old_entry = EntryOf(back() ? far : near);
    const uint64_t new_entry = EntryOf(back() ? near : far);
    stage_.Word(kSource) = new_entry;
    switch (round_ / 4 % 3) {
      case 0:
        return Program().Write64(at, new_entry);
      case 1:
        return Program().CompareAndSwap(at, old_entry, new_entry);
      default:
        return Program().Move(at, PageAt(kSource), kEntry);
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

}  // namespace
}  // namespace kct
