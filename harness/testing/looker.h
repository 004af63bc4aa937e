// SPDX-License-Identifier: GPL-2.0-only
// Looker: a vCPU whose guest looks at memory again and again, while an Update of the slots or of
// the host's memory goes on beside it.
//
//   ASSERT_OK(cpu.Load(Looker::Look(slot.range())));
//   Looker looker(cpu);
//   Update remove([&] { return slot.Delete(); });
//   race.Actor("run", [&] { return looker.RunUntil(remove.over()); });
//   race.Actor("delete", [&] { return remove.Make(); });
//   race.AfterRound([&] { remove.Again(); return slot.Restore(); });
//   …
//   ExpectUndisturbed(looker);
#pragma once

#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <set>

#include "harness/guest/cpu.h"

namespace kct {

class Looker {
 public:
  static constexpr uint64_t kMemory = 7;    // in each word of the memory that the guest reads
  static constexpr uint64_t kAnswered = 8;  // what it gets where there is no slot

  // Reads and writes every page of the range, a few times a KVM_RUN, and finds memory or what MMIO
  // was answered.
  static Program Look(GpaRange range) {
    constexpr uint64_t kRoundsARun = 5;
    Program program;
    program.LoopStart().LoopStart().Touch(range).ExpectOneOf(kMemory, kAnswered);
    return program.WriteTouch(range, kMemory).Repeat(kRoundsARun).Out(1, 0).RepeatUntilFlag();
  }

  // REQUIRES: Look has been loaded.
  explicit Looker(GuestCpu& cpu) : cpu_(cpu) {}

  // KVM_RUN again and again until `over`: the first that failed, or the last, with the times of
  // all of them.
  CallRecord RunUntil(const std::atomic<bool>& over) {
    CallRecord worst = RunOnce();
    const uint64_t begin = worst.begin;
    while (!over) {
      const CallRecord next = RunOnce();
      if (worst.ok()) worst = next;
      worst.end = next.end;
    }
    worst.begin = begin;
    return worst;
  }

  // One KVM_RUN; an MMIO exit is answered at the next.
  CallRecord RunOnce() {
    last_ = cpu_.Run();
    if (last_.kind == ExitKind::kMmio) cpu_.AnswerMmio(kAnswered);
    kinds_.insert(last_.kind);
    return last_.call;
  }
  const GuestExit& last() const { return last_; }

  // Only after the race.
  const std::set<ExitKind>& kinds() const { return kinds_; }
  guest::OpResult seen() const { return cpu_.result(0); }

 private:
  GuestCpu& cpu_;
  GuestExit last_;
  std::set<ExitKind> kinds_;
};

// No errno, no other exits than those of its program and MMIO, no value that was never there.
inline void ExpectUndisturbed(const Looker& looker) {
  EXPECT_THAT(looker.kinds(), testing::IsSubsetOf({ExitKind::kIo, ExitKind::kMmio}));
  EXPECT_EQ(looker.seen().unexpected, 0u)
      << "first: " << looker.seen().unexpected_value << " at " << looker.seen().unexpected_gpa;
}

// A change that ends what other actors do meanwhile.
class Update {
 public:
  explicit Update(std::function<CallRecord()> call) : call_(std::move(call)) {}
  CallRecord Make() {
    const CallRecord record = call_();
    over_ = true;
    return record;
  }
  void Again() { over_ = false; }
  const std::atomic<bool>& over() const { return over_; }

 private:
  std::function<CallRecord()> call_;
  std::atomic<bool> over_{false};
};

}  // namespace kct
