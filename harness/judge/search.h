// SPDX-License-Identifier: GPL-2.0-only
// Search: the depth-first search for an explanation that Judge() is made of.
#pragma once

#include <span>
#include <unordered_set>
#include <vector>

#include "harness/judge/judge.h"
#include "harness/judge/timeline.h"

namespace kct {

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

  Answer Run();

  uint64_t configurations() const { return configurations_; }
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
  // A point where several steps are possible, and which is next to be tried.
  struct Branch {
    Configuration before;
    std::size_t point;
    std::size_t next_active;  // 0: the demanded call; then the others in their order
    std::size_t next_choice;
    std::size_t steps;
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
  // Takes the next untried step of the innermost branch. False: there is none left.
  bool TryNext(Branch& branch);
  bool TakeIfAllowed(const Branch& branch, std::size_t active_index, const model::Choice& choice);
  Key KeyOf(const Configuration& configuration, std::size_t point) const;

  const Recording& recording_;
  std::span<const Point> timeline_;
  const std::vector<bool>& free_;
  const JudgeLimits& limits_;
  Configuration now_;
  std::size_t point_ = 0;
  std::vector<Branch> branches_;
  std::vector<Taken> steps_;
  std::unordered_set<Key, KeyHash> failed_;
  Configuration last_;
  uint64_t configurations_ = 0;
  std::size_t furthest_ = 0;
  const char* why_ = "";
};

}  // namespace kct
