// SPDX-License-Identifier: GPL-2.0-only
// Every source against somebody who uses the memory at that moment.
#include <atomic>

#include "harness/liveness/in_flight.h"
#include "harness/race/race.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/notifier/stage.h"

namespace kct {
namespace {

using testing::AnyOf;

constexpr std::size_t kMarks = Place::kMarks;
RaceOptions OptionsFor(const Stage& stage) {
  return {.meetings = stage.source().meetings, .patience = 8s, .most_rounds = 400};
}
// KVM_RUN lasts as long as the source does, and some look for pages all over the system.
constexpr Duration kSourceBudget = 10s;
constexpr uint64_t kLastWord = 0x1a57;

// What the function at a mark returns, by its code.
uint32_t AnswerOf(uint64_t code) { return static_cast<uint32_t>(code >> 8); }

// What one vCPU does with the place until the source has done its work, and once more after it.
struct Use {
  const char* name;
  Program (*program)(const Stage&);
  // Results of a program that came to its end; empty: nothing is wrong.
  std::string (*complaint)(Stage&);
};

// A source that has to start again whenever a fault comes in between gets an end of them.
constexpr uint64_t kLooksAtMost = 200;
constexpr int kPrefaultsAtMost = 50;
bool StartsAgain(const Stage& stage) { return stage.source().meanwhile == Meanwhile::kZeros; }

// The source puts up the flag when it has returned: what comes behind the loop sees the new state,
// in the same KVM_RUN.
template <typename Access>
Program UntilTheSourceIsDone(const Stage& stage, Access access) {
  Program program;
  program.LoopStart();
  for (std::size_t mark = 0; mark < kMarks; ++mark) access(program, mark);
  if (StartsAgain(stage)) return program.Repeat(kLooksAtMost).SpinUntilFlag();
  return program.RepeatUntilFlag();
}

std::string ComplaintOfValues(Stage& stage) {
  for (const guest::OpResult& result : stage.cpu().results()) {
    if (result.unexpected == 0) continue;
    return fmt::format("{} unexpected values, the first {:#x} at {:#x}", result.unexpected,
                       result.unexpected_value, result.unexpected_gpa);
  }
  return "";
}

Program Reads(const Stage& stage) {
  const Place& place = stage.place();
  const bool zeros = StartsAgain(stage);
  Program program = UntilTheSourceIsDone(stage, [&](Program& loop, std::size_t mark) {
    loop.Read64(stage.Mark(mark)).ExpectOneOf(place.Old(mark), zeros ? 0 : place.Final(mark));
  });
  const bool old_may_stay = stage.source().after == After::kOldWordsOrZeros;
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    const uint64_t final = place.Final(mark);
    program.Read64(stage.Mark(mark)).ExpectOneOf(final, old_may_stay ? place.Old(mark) : final);
  }
  return program;
}

Program Executes(const Stage& stage) {
  const Place& place = stage.place();
  Program program = UntilTheSourceIsDone(stage, [&](Program& loop, std::size_t mark) {
    loop.Execute(stage.Mark(mark))
        .ExpectOneOf(AnswerOf(place.Old(mark)), AnswerOf(place.Final(mark)));
  });
  // A CPU may execute what it fetched before another one stored there, up to an instruction like
  // this one, which makes it look again.
  program.ReloadCr3();
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    program.Execute(stage.Mark(mark)).Expect(AnswerOf(place.Final(mark)));
  }
  return program;
}

Program Writes(const Stage& stage) {
  Program program = UntilTheSourceIsDone(stage, [&](Program& loop, std::size_t mark) {
    loop.AtomicAdd(stage.Mark(mark) + Place::kAdded, 1);
  });
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    program.Write64(stage.Mark(mark) + Place::kGuest, kLastWord);
  }
  return program;
}

// Where the page is the same, or has the same contents, every addition counts. Where it is another
// one those made before are gone, and there are none that nobody made. What was written after the
// source had returned is there in any case.
std::string ComplaintOfWrites(Stage& stage) {
  const After after = stage.source().after;
  const bool keeps = after == After::kOldWords || after == After::kReadOnly;
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    const uint64_t made = stage.cpu().result(mark).count;
    const uint64_t found = stage.place().HostWord(mark, Place::kAdded);
    if (keeps ? found != made : found > made) {
      return fmt::format("{} additions by the guest at mark {}, {} in memory", made, mark, found);
    }
    if (after == After::kReadOnly) continue;
    const uint64_t last = stage.place().HostWord(mark, Place::kGuest);
    if (last != kLastWord) {
      return fmt::format("a write at mark {} after the source's return was lost: {:#x} is there",
                         mark, last);
    }
  }
  return "";
}

constexpr Use kReads{"reads", Reads, ComplaintOfValues};
constexpr Use kExecution{"execution", Executes, ComplaintOfValues};
constexpr Use kWrites{"writes", Writes, ComplaintOfWrites};

// Whether KVM_RUN has to fail with EFAULT.
bool IsClosed(After after, const Use& use) {
  return after == After::kNothing || (after == After::kReadOnly && use.name == kWrites.name);
}

// Rounds of a source against a user of its memory, judged after each.
class Duel {
 public:
  explicit Duel(Stage& stage) : stage_(stage) {}

  // The first thing that was wrong, with its round; empty: nothing.
  const std::string& complaint() const { return complaint_; }

  Result<History> AgainstGuest(const Use& use) {
    KCT_TRY_STATUS(stage_.cpu().Load(use.program(stage_)));
    Race race(Seed(), OptionsFor(stage_));
    race.Actor("run", [&] {
      const ScopedBudget budget(kSourceBudget);
      return (end_ = stage_.cpu().Run()).call.Record();
    });
    race.Actor("source", [&] {
      const CallRecord fired = Fire();
      stage_.cpu().RaiseFlag();
      return fired;
    });
    race.AfterRound([&] {
      Note(ComplaintOfEnd(use));
      Note(stage_.Complaint());
      const CallRecord renewed = stage_.place().Renew();
      if (const Status loaded = stage_.cpu().Load(use.program(stage_)); !loaded) {
        Note(loaded.error().message);
      }
      return renewed;
    });
    return race.Run();
  }

  Result<History> AgainstPrefault() {
    std::atomic<bool> over{false};
    Race race(Seed(), OptionsFor(stage_));
    race.Actor("prefault", [&] { return PreFaultUntil(over); });
    race.Actor("source", [&] {
      const CallRecord fired = Fire();
      over = true;
      return fired;
    });
    race.AfterRound([&] {
      over = false;
      Note(stage_.Complaint());
      return stage_.place().Renew();
    });
    return race.Run();
  }

 private:
  CallRecord Fire() {
    const CallRecord fired = stage_.place().Fire();
    const int gives_up = stage_.source().gives_up;
    gave_up_ = gives_up != 0 && fired.error == Errno(gives_up);
    return fired;
  }

  void Note(const std::string& complaint) {
    if (complaint.empty() || !complaint_.empty()) return;
    // It left some pages as they were.
    if (gave_up_ && stage_.source().after == After::kPoison) return;
    complaint_ = fmt::format("round {}: {}", stage_.place().round(), complaint);
  }

  std::string ComplaintOfEnd(const Use& use) {
    const bool fault = end_.kind == ExitKind::kFailed && end_.call.error == Errno(EFAULT);
    if (fault && stage_.source().meanwhile == Meanwhile::kEfault) return "";
    if (stage_.source().after == After::kPoison) {
      return end_.kind == ExitKind::kInterrupted
                 ? ""
                 : "an access after the source's return was to be a SIGBUS: " + end_.ToString();
    }
    if (IsClosed(stage_.source().after, use)) {
      return fault ? ""
                   : "an access after the source's return was to fail with EFAULT: " +
                         end_.ToString();
    }
    return end_.done() ? use.complaint(stage_) : "the guest was interrupted: " + end_.ToString();
  }

  // Again and again: the first call that did not complete, or the last, with the times of all.
  CallRecord PreFaultUntil(const std::atomic<bool>& over) {
    CallRecord worst = stage_.cpu().vcpu().PreFaultAll(stage_.range());
    const uint64_t begin = worst.begin;
    for (int calls = 0; !over; ++calls) {
      if (StartsAgain(stage_) && calls >= kPrefaultsAtMost) continue;
      const CallRecord next = stage_.cpu().vcpu().PreFaultAll(stage_.range());
      if (testing::Matches(Completes())(worst)) worst = next;
      worst.end = next.end;
    }
    worst.begin = begin;
    return worst;
  }

  Stage& stage_;
  GuestExit end_;
  bool gave_up_ = false;
  std::string complaint_;
};

void ExpectItSucceeds(const Source& source, const History& history) {
  if (source.gives_up == 0) {
    EXPECT_THAT(history, EveryCall("source", Succeeds()));
  } else {
    EXPECT_THAT(history, EveryCall("source", AnyOf(Succeeds(), FailsWith(source.gives_up))));
  }
}

void ExpectNoTraceOf(const Use& use, const SourceCase& item) {
  ASSERT_OK_AND_ASSIGN(const auto stage, Stage::Make(item));
  Duel duel(*stage);
  ASSERT_OK_AND_ASSIGN(History history, duel.AgainstGuest(use));
  ASSERT_MET(fmt::format("{} against {}", item.Name(), use.name), history);

  EXPECT_EQ(duel.complaint(), "");
  ExpectItSucceeds(*item.source, history);
}

class NotifierRacingReads : public EachTest<TestKind::kRace, EveryNotifier> {};
class NotifierRacingWrites : public EachTest<TestKind::kRace, EveryNotifier> {};
class NotifierRacingExecution : public EachTest<TestKind::kRace, EveryNotifierOfCode> {};
class NotifierRacingPrefault
    : public EachTest<TestKind::kRace, EveryNotifier, Need::kTdp, Need::kPrefault> {};

// A guest that reads meanwhile sees what was there or what is there now, and once the source has
// returned no longer what was there; KVM_RUN fails only where nothing is left to be read.
KCT_TEST_P(NotifierRacingReads, ShowsBeforeOrAfter, "MN-05", "MN-01", "MN-02", "MN-04") {
  ExpectNoTraceOf(kReads, GetParam());
}
KCT_INSTANTIATE(NotifierRacingReads);

// A guest that writes meanwhile loses nothing but what the source takes away.
KCT_TEST_P(NotifierRacingWrites, LosesNoWrite, "MN-05", "MN-01", "MN-02", "MN-04") {
  ExpectNoTraceOf(kWrites, GetParam());
}
KCT_INSTANTIATE(NotifierRacingWrites);

// A guest that executes meanwhile executes what was there or what is there now.
KCT_TEST_P(NotifierRacingExecution, ExecutesBeforeOrAfter, "MN-05", "MN-01", "MN-02", "MN-04") {
  ExpectNoTraceOf(kExecution, GetParam());
}
KCT_INSTANTIATE(NotifierRacingExecution);

// A prefault completes all the same, unless there is nothing left to be mapped, and it leaves no
// page behind that is gone.
KCT_TEST_P(NotifierRacingPrefault, MapsWhatIsThere, "MN-05", "PREFAULT-43", "MN-01", "MN-02",
           "MN-04") {
  ASSERT_OK_AND_ASSIGN(const auto stage, Stage::Make(GetParam()));
  Duel duel(*stage);
  ASSERT_OK_AND_ASSIGN(History history, duel.AgainstPrefault());
  ASSERT_MET(fmt::format("{} against prefault", GetParam().Name()), history);

  EXPECT_EQ(duel.complaint(), "");
  ExpectItSucceeds(stage->source(), history);
  const After after = stage->source().after;
  if (after == After::kPoison) {
    EXPECT_THAT(history,
                EveryCall("prefault", AnyOf(Completes(), MakesProgress(), FailsWith(EINTR))));
  } else if (after == After::kNothing || stage->source().meanwhile == Meanwhile::kEfault) {
    EXPECT_THAT(history,
                EveryCall("prefault", AnyOf(Completes(), MakesProgress(), FailsWith(EFAULT))));
  } else {
    EXPECT_THAT(history, EveryCall("prefault", Completes()));
  }
}
KCT_INSTANTIATE(NotifierRacingPrefault);

}  // namespace
}  // namespace kct
