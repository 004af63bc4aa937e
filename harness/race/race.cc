// SPDX-License-Identifier: GPL-2.0-only
#include "harness/race/race.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "harness/base/check.h"
#include "harness/base/patience.h"
#include "harness/liveness/in_flight.h"
#include "harness/race/aim.h"

namespace kct {
namespace {

constexpr std::size_t kMostActors = 8;
// Looks at the start word before a waiting actor gives up its CPU: enough for a race of two on two
// CPUs never to do so, while more actors than CPUs don't starve each other.
constexpr int kLooksBeforeYield = 20'000;

void SpinFor(int64_t ticks) {
  const uint64_t end = StampTsc() + static_cast<uint64_t>(ticks);
  while (ticks > 0 && static_cast<int64_t>(end - StampTsc()) > 0) {
  }
}

// The state that the actors' threads share while a race runs.
class Rounds {
 public:
  Rounds(History& history, const RaceOptions& options, Random random, StartLine start_line,
         const std::function<CallRecord()>& restore)
      : history_(history),
        options_(options),
        start_line_(start_line),
        restore_(restore),
        aim_(random),
        deadline_(GiveUpAfter(options.patience)),
        calls_(history.actors.size()),
        delays_(history.actors.size()) {}

  // The life of actor number `self`.
  void Play(std::size_t self, const std::function<CallRecord()>& call) {
    NameThisThread(history_.actors[self]);
    for (uint32_t round = 1; WaitForRound(round); ++round) {
      SpinFor(delays_[self]);
      calls_[self] = call();
      if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 == calls_.size()) EndRound();
    }
  }

  void Start() { round_.store(1, std::memory_order_release); }
  const std::optional<Error>& error() const { return error_; }

 private:
  // False: the race is over.
  bool WaitForRound(uint32_t round) {
    int looks = 0;
    while (round_.load(std::memory_order_acquire) < round) {
      if (over_.load(std::memory_order_acquire)) return false;
      if (++looks == kLooksBeforeYield) {
        looks = 0;
        sched_yield();
      }
    }
    return true;
  }

  // On the thread of the actor that finished last; the others wait for the next round.
  void EndRound() {
    Record();
    if (restore_) {
      const CallRecord restored = restore_();
      if (!restored.ok()) {
        error_ = MakeError("the world could not be restored after round {}: {}", history_.rounds,
                           restored.ToString());
      }
    }
    if (error_ || history_.Met() || history_.rounds >= options_.most_rounds ||
        Clock::now() > deadline_) {
      over_.store(true, std::memory_order_release);
      return;
    }
    if (start_line_ == StartLine::kAdaptive) PlanDelays();
    finished_.store(0, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
  }

  void PlanDelays() {
    aim_.Learn(used_, calls_[0], calls_[1]);
    used_ = aim_.Next();
    std::fill(delays_.begin(), delays_.end(), used_.second);
    delays_[0] = used_.first;
  }

  void Record() {
    ++history_.rounds;
    bool met = false;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      history_.events.push_back({history_.rounds, static_cast<uint32_t>(i), calls_[i]});
      ++history_.answers[fmt::format("{}: {}", history_.actors[i], calls_[i].Answer())];
      for (std::size_t j = i + 1; j < calls_.size(); ++j) met = CountMeeting(i, j) || met;
    }
    if (met) ++history_.meetings;
  }

  bool CountMeeting(std::size_t i, std::size_t j) {
    if (!calls_[i].Overlaps(calls_[j])) return false;
    const bool i_first = calls_[i].begin <= calls_[j].begin;
    const CallRecord& first = calls_[i_first ? i : j];
    const CallRecord& second = calls_[i_first ? j : i];
    ++history_.phases[fmt::format("{} {} {}", history_.actors[i_first ? j : i],
                                  second.end <= first.end ? "ran inside" : "began inside",
                                  history_.actors[i_first ? i : j])];
    return true;
  }

  History& history_;
  const RaceOptions& options_;
  const StartLine start_line_;
  const std::function<CallRecord()>& restore_;
  Aim aim_;
  const Instant deadline_;
  std::vector<CallRecord> calls_;
  std::vector<int64_t> delays_;
  Delays used_;
  std::optional<Error> error_;
  alignas(64) std::atomic<uint32_t> round_{0};
  alignas(64) std::atomic<std::size_t> finished_{0};
  alignas(64) std::atomic<bool> over_{false};
};

}  // namespace

void Race::Actor(std::string name, std::function<CallRecord()> call) {
  KCT_CHECK(sides_.size() < kMostActors);
  sides_.push_back({std::move(name), std::move(call)});
}

Result<History> Race::Run() {
  KCT_CHECK(sides_.size() >= 2);
  History history;
  history.target = options_.meetings;
  for (const Side& side : sides_) history.actors.push_back(side.name);
  Rounds rounds(history, options_, random_, start_line_, restore_);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    threads.emplace_back([&, i] { rounds.Play(i, sides_[i].call); });
  }
  rounds.Start();
  for (std::thread& thread : threads) thread.join();
  if (rounds.error()) return *rounds.error();
  return history;
}

}  // namespace kct
