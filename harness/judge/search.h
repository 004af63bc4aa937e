// SPDX-License-Identifier: GPL-2.0-only
// Search: the depth-first search for an explanation that Judge() is made of.
#pragma once

#include <memory>
#include <span>
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

  Answer Run();

  uint64_t configurations() const { return configurations_; }
  // Of memory that it needed at most.
  uint64_t MostBytes() const;
  // How many points of the timeline the best attempt explained.
  std::size_t furthest() const { return furthest_; }
  const char* why() const { return why_; }
  // Explained: the configuration at the end.
  const Configuration& last() const { return last_; }
  // Explained: the steps in their order, as (call, clause).
  struct Taken {
    uint32_t call;
    model::Choice choice;
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
  Key KeyOf(const Configuration& configuration, std::size_t point) const;

  const Recording& recording_;
  std::span<const Point> timeline_;
  const std::vector<bool>& free_;
  const JudgeLimits& limits_;
  Configuration now_;
  std::size_t point_ = 0;
  std::vector<std::unique_ptr<Branch>> branches_;
  std::vector<std::unique_ptr<Branch>> spare_;  // branches that were given up, for use again
  std::vector<Option> options_;
  std::vector<Taken> steps_;
  std::unordered_set<Key, KeyHash> failed_;
  Configuration last_;
  uint64_t configurations_ = 0;
  std::size_t furthest_ = 0;
  std::size_t most_branches_ = 0;
  bool reads_dirty_log_ = false;
  const char* why_ = "";
};

}  // namespace kct
