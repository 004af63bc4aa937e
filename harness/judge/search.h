// SPDX-License-Identifier: GPL-2.0-only
// Search: the depth-first search for an explanation that Judge() is made of.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "harness/judge/judge.h"
#include "harness/judge/timeline.h"

namespace kct {

// Points at once at which orders are still to be tried; each takes some 8 KiB.
inline constexpr std::size_t kMostBranches = 60'000;

// A call under way in a configuration.
struct ActiveCall {
  uint32_t call;  // index into Recording::calls
  model::Pending pending;
};

struct Configuration {
  model::State state;
  model::FixedVector<ActiveCall, kMostAtOnce> active;

  ActiveCall* Find(uint32_t call);
};

class Search {
 public:
  // `free`: calls, by index, whose answer does not matter; they happen all the same.
  Search(const Recording& recording, std::span<const Point> timeline, const std::vector<bool>& free,
         const JudgeLimits& limits);

  ~Search();
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  // Begins in the middle: at the first point of the timeline it was given, with this configuration.
  void StartFrom(const Configuration& configuration) { now_ = configuration; }
  // REQUIRES: Run() reaches it. Has configuration_at_mark() kept.
  void Mark(std::size_t point) { mark_ = point; }

  // Looks for an explanation in which `call` gives an answer that is none of these: an errno, and
  // whether it was an exit.
  struct Given {
    Errno error;
    bool mmio;
    bool operator==(const Given&) const = default;
  };
  void Exclude(uint32_t call, std::vector<Given> answers) {
    excluded_call_ = call;
    excluded_ = std::move(answers);
  }
  // Of a recording with a call that hangs: looks for an explanation whose end, where nothing can go
  // on any more, `accepts` takes. It may look at now() and steps().
  void AcceptEndsThat(std::function<bool(const Search&)> accepts) { accepts_ = std::move(accepts); }

  Answer Run();

  uint64_t configurations() const { return configurations_; }
  // Of memory that it needed at most.
  uint64_t MostBytes() const;
  // How many points of the timeline the best attempt explained.
  std::size_t furthest() const { return furthest_; }
  // Where the best attempt was when it came to the mark.
  const Configuration& configuration_at_mark() const { return best_at_mark_; }
  const char* why() const { return why_; }
  // The configuration that it has come to; explained: the one at the end.
  const Configuration& now() const { return now_; }
  // Explained: the steps in their order, and the point of the timeline that demanded each.
  struct Taken {
    uint32_t call;
    model::Choice choice;
    std::size_t point;
    Errno answer;    // if that was its last step
    uint64_t value;  // what an access found, likewise
  };
  const std::vector<Taken>& steps() const { return steps_; }

 private:
  struct Option {
    std::size_t active;  // index into Configuration::active
    model::Choice choice;
  };
  // A point where several steps are possible, and which of them are still to be tried.
  struct Branch {
    Configuration before;
    std::size_t point;
    std::size_t steps;
    std::size_t first_option;  // index into options_, up to those of the next branch
    std::size_t next_option;
    uint64_t words_read;  // since then, in whatever was tried; bits of BitOf()
  };
  struct Key {
    uint64_t first, second;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const { return key.first; }
  };

  // Goes on through points that demand nothing that is not there. True: the end was reached.
  bool Advance();
  bool IsMet(const Point& point);
  bool IsQuiet() const;
  // The calls whose steps may have to come before the point is met, as bits by place in active.
  uint32_t Relevant() const;
  // Adds to options_ what can happen now, the demanded call's own steps first.
  void AddOptions();
  void AddOptionsOf(std::size_t active);
  bool CanLeadToWhatWasSeen(const ActiveCall& call, const model::Choice& choice) const;
  // Takes a step in now_. False: it gives an answer that was not seen.
  bool TakeStep(const Option& option);
  // Goes on from now_ by one step, or else from the innermost branch that has one left. False:
  // there is none anywhere.
  bool Step();
  bool TryNext(Branch& branch);
  Branch& PushBranch();
  void PopBranch();
  static std::vector<std::unique_ptr<Branch>>& KeptBranches();
  bool Matters(uint32_t call) const;
  bool FailedBefore();
  void RememberFailure(const Branch& branch);
  // Of a configuration as far as it is told apart by `words`.
  Key KeyOf(const Configuration& configuration, std::size_t point, uint64_t words) const;
  // A bit for each word of memory; those that come late share one.
  uint64_t BitOf(int32_t gmem, uint64_t address) const;
  // The word that a step is going to read; 0: none.
  uint64_t WordRead(const ActiveCall& call, const model::Choice& choice);

  const Recording& recording_;
  std::span<const Point> timeline_;
  const std::vector<bool>& free_;
  const JudgeLimits limits_;
  Configuration now_;
  std::size_t point_ = 0;
  std::vector<std::unique_ptr<Branch>> branches_;
  std::vector<std::unique_ptr<Branch>> spare_;  // branches that were given up, for use again
  std::vector<Option> options_;
  std::vector<Taken> steps_;
  std::unordered_set<Key, KeyHash> failed_;
  // By point: by which words the configurations that failed there are told apart.
  std::unordered_map<std::size_t, std::vector<uint64_t>> failed_by_;
  std::unordered_map<uint64_t, unsigned> word_numbers_;
  std::function<bool(const Search&)> accepts_;
  uint32_t excluded_call_ = UINT32_MAX;
  std::vector<Given> excluded_;
  std::size_t mark_ = SIZE_MAX;
  Configuration at_mark_, best_at_mark_;
  uint64_t configurations_ = 0;
  std::size_t furthest_ = 0;
  std::size_t most_branches_ = 0;
  bool reads_dirty_log_ = false;
  const char* why_ = "";
};

}  // namespace kct
