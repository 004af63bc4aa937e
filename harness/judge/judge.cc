// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/judge/search.h"
#include "harness/judge/timeline.h"

namespace kct {
namespace {

using model::Kind;

// Promises of progress: where a call hangs, the first of these on its way is the one it breaks.
constexpr std::array<std::string_view, 8> kProgressClauses{
    "PREFAULT-36", "PREFAULT-38", "PREFAULT-39", "PREFAULT-50",
    "PREFAULT-52", "MEMSLOT-36",  "MEMSLOT-44",  "MEMSLOT-45"};

bool IsAboutProgress(std::string_view clause) {
  return std::find(kProgressClauses.begin(), kProgressClauses.end(), clause) !=
         kProgressClauses.end();
}

// Of a long recording, how many of the last calls before the contradiction the core is looked for
// in; how those before them happened is taken from the attempt that came furthest.
constexpr std::size_t kWindow = 100;
constexpr std::size_t kMostCore = 8;

// Finds the core: frees the answers of as many calls as possible with the contradiction still
// there. An update that hangs mostly waits for somebody else, so updates are freed first.
class CoreFinder {
 public:
  CoreFinder(const Recording& recording, std::span<const Point> timeline, const JudgeLimits& limits)
      : recording_(recording), limits_(limits), window_(timeline) {
    free_.assign(recording_.calls.size(), false);
  }

  // `furthest`: the point that the whole could not get past.
  std::vector<uint32_t> Find(std::size_t furthest) {
    // What comes after that point has no part in it.
    window_ = window_.first(std::min(furthest + 1, window_.size()));
    BeginLate();
    std::vector<uint32_t> candidates = Candidates();
    for (std::size_t chunk = std::max<std::size_t>(candidates.size() / 2, 1);; chunk /= 2) {
      FreeInChunks(candidates, chunk);
      if (chunk == 1) break;
    }
    if (candidates.size() > kMostCore) {
      is_minimal_ = false;
      candidates.erase(candidates.begin(), candidates.end() - kMostCore);
    }
    return candidates;
  }

  // What the model would have allowed one call of the core to answer, given the others.
  CoreCall Explain(uint32_t call, std::vector<StoryStep>& story) {
    CoreCall core{call, {}, {}};
    // Preferably with the answers of all others in force, those outside the core as well.
    std::vector<bool> free(free_.size(), false);
    free[call] = true;
    if (TryToExplain(free, core, story)) return core;
    free = free_;
    free[call] = true;
    TryToExplain(free, core, story);
    return core;
  }

  bool is_minimal() const { return is_minimal_; }
  uint64_t most_bytes() const { return most_bytes_; }

 private:
  void BeginLate() {
    std::size_t first = window_.size(), calls = 0;
    while (first > 0 && calls < kWindow) {
      if (window_[--first].kind == Point::Kind::kBegin) ++calls;
    }
    if (first == 0) return;
    Search search(recording_, window_, free_, limits_);
    search.Mark(first);
    search.Run();
    most_bytes_ = search.MostBytes();
    start_ = search.configuration_at_mark();
    window_ = window_.subspan(first);
  }

  bool TryToExplain(const std::vector<bool>& free, CoreCall& core, std::vector<StoryStep>& story) {
    Search search(recording_, window_, free, Share());
    search.StartFrom(start_);
    const bool explained = search.Run() == Answer::kExplained;
    if (explained) {
      Describe(search, core);
      if (story.empty()) AddStory(search, story);
    }
    most_bytes_ = std::max(most_bytes_, search.MostBytes());
    return explained;
  }

  JudgeLimits Share() const {
    JudgeLimits limits = limits_;
    limits.configurations = std::max<uint64_t>(limits_.configurations / kShares, 1);
    return limits;
  }

  std::vector<uint32_t> Candidates() const {
    std::vector<uint32_t> candidates;
    for (const ActiveCall& call : start_.active) candidates.push_back(call.call);
    for (const Point& point : window_) {
      if (point.kind == Point::Kind::kBegin) candidates.push_back(point.call);
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](uint32_t a, uint32_t b) { return IsUpdate(a) && !IsUpdate(b); });
    return candidates;
  }
  bool IsUpdate(uint32_t call) const { return recording_.calls[call].op.kind == Kind::kSetRegion; }

  // What a search can't show within its share of the budget is no part of a smaller core.
  bool IsContradicted() {
    if (budget_ == 0) {
      is_minimal_ = false;
      return false;
    }
    Search search(recording_, window_, free_, Share());
    search.StartFrom(start_);
    const Answer answer = search.Run();
    budget_ -= std::min(budget_, search.configurations() + 1);
    most_bytes_ = std::max(most_bytes_, search.MostBytes());
    if (answer == Answer::kGaveUp) is_minimal_ = false;
    return answer == Answer::kContradicted;
  }

  void FreeInChunks(std::vector<uint32_t>& candidates, std::size_t chunk) {
    for (std::size_t begin = 0; begin < candidates.size();) {
      const std::size_t end = std::min(begin + chunk, candidates.size());
      const auto first = candidates.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(end);
      std::for_each(first, last, [&](uint32_t call) { free_[call] = true; });
      if (IsContradicted()) {
        candidates.erase(first, last);
      } else {
        std::for_each(first, last, [&](uint32_t call) { free_[call] = false; });
        begin = end;
      }
    }
  }

  // The last of its steps is the answer that would have been right.
  void Describe(const Search& search, CoreCall& core) const {
    if (!recording_.calls[core.call].returned) return DescribeHang(search, core);
    for (const Search::Taken& taken : search.steps()) {
      if (taken.call != core.call) continue;
      core.allowed = {Answered(core.call, taken.choice, taken.value)};
      core.clauses = {std::string(taken.choice.clause.text())};
    }
  }

  // It could have gone on: by which promise, and with which answer.
  void DescribeHang(const Search& search, CoreCall& core) const {
    std::vector<model::Choice> way;
    for (const Search::Taken& taken : search.steps()) {
      if (taken.call == core.call) way.push_back(taken.choice);
    }
    for (const ActiveCall& active : search.last().active) {
      if (active.call != core.call || active.pending.over()) continue;
      for (const model::Choice& choice :
           model::NextChoices(recording_.rules, search.last().state, active.pending)) {
        way.push_back(choice);
      }
    }
    if (way.empty()) return;
    const auto promise = std::find_if(way.begin(), way.end(), [](const model::Choice& choice) {
      return IsAboutProgress(choice.clause.text());
    });
    const model::Choice& named = promise == way.end() ? way.back() : *promise;
    core.allowed = {Answered(core.call, way.back(), 0)};
    core.clauses = {std::string(named.clause.text())};
  }

  void AddStory(const Search& search, std::vector<StoryStep>& story) const {
    for (const Search::Taken& taken : search.steps()) {
      const uint64_t time = window_[taken.point].time;
      story.push_back({taken.call, taken.choice.move, taken.choice.clause, time});
    }
  }

  std::string Answered(uint32_t call, const model::Choice& choice, uint64_t value) const {
    const model::Operation& op = recording_.calls[call].op;
    if (choice.error != Errno()) return choice.error.Name();
    if (op.kind != Kind::kAccess) return "0";
    if (choice.move == model::Move::kMmio) return "MMIO";
    const bool reads = op.access != model::Access::kWrite && op.size != 0;
    return reads ? fmt::format("the word {:#x}", value) : "memory";
  }

  const Recording& recording_;
  const JudgeLimits& limits_;
  // Of all configurations that the core may cost, what one search may.
  static constexpr uint64_t kShares = 20;

  std::span<const Point> window_;
  Configuration start_;
  std::vector<bool> free_;
  uint64_t budget_ = limits_.configurations;
  bool is_minimal_ = true;
  uint64_t most_bytes_ = 0;
};

bool AreAboutTheSameMemory(const model::Operation& a, const model::Operation& b) {
  if (a.kind == Kind::kSetRegion && b.kind == Kind::kSetRegion && a.slot == b.slot) return true;
  return a.address < b.address + std::max<uint64_t>(b.size, 1) &&
         b.address < a.address + std::max<uint64_t>(a.size, 1);
}

// For each call of the core: what overlapped it, and the last few updates before it.
std::vector<uint32_t> ContextOf(const Recording& recording, const std::vector<CoreCall>& core) {
  constexpr std::size_t kUpdatesBefore = 3, kMeanwhile = 12;
  std::vector<uint32_t> context;
  const auto add = [&](uint32_t call) {
    const auto same = [&](const CoreCall& one) { return one.call == call; };
    if (std::none_of(core.begin(), core.end(), same)) context.push_back(call);
  };
  for (const CoreCall& one : core) {
    const RecordedCall& offender = recording.calls[one.call];
    std::size_t updates = 0, meanwhile = 0;
    for (uint32_t i = static_cast<uint32_t>(recording.calls.size()); i-- > 0;) {
      const RecordedCall& call = recording.calls[i];
      const bool over_before = call.returned && call.end < offender.begin;
      const bool after = offender.returned && call.begin > offender.end;
      if (after || call.refused) continue;
      if (!over_before) {
        if (call.op.kind != Kind::kAccess && meanwhile++ < kMeanwhile) add(i);
      } else if (call.op.kind == Kind::kSetRegion && updates < kUpdatesBefore &&
                 AreAboutTheSameMemory(call.op, offender.op)) {
        add(i);
        ++updates;
      }
    }
  }
  std::sort(context.begin(), context.end());
  context.erase(std::unique(context.begin(), context.end()), context.end());
  return context;
}

}  // namespace

std::string_view Name(Answer answer) {
  switch (answer) {
    case Answer::kExplained:
      return "explained";
    case Answer::kContradicted:
      return "contradicted";
    case Answer::kGaveUp:
      return "gave up";
  }
  return "?";
}

std::vector<std::string> Judgement::Clauses() const {
  std::vector<std::string> clauses;
  for (const CoreCall& call : core) {
    clauses.insert(clauses.end(), call.clauses.begin(), call.clauses.end());
  }
  std::sort(clauses.begin(), clauses.end());
  clauses.erase(std::unique(clauses.begin(), clauses.end()), clauses.end());
  return clauses;
}

Judgement Judge(const Recording& recording, const JudgeLimits& limits) {
  Judgement judgement;
  const Result<std::vector<Point>> timeline = TimelineOf(recording);
  if (!timeline) {
    judgement.answer = Answer::kGaveUp;
    judgement.why = timeline.error().message;
    return judgement;
  }
  const std::vector<bool> nothing_free(recording.calls.size(), false);
  Search search(recording, timeline.value(), nothing_free, limits);
  judgement.answer = search.Run();
  judgement.configurations = search.configurations();
  judgement.most_bytes = search.MostBytes();
  if (judgement.answer == Answer::kGaveUp) judgement.why = search.why();
  if (judgement.answer != Answer::kContradicted) return judgement;
  CoreFinder finder(recording, timeline.value(), limits);
  for (uint32_t call : finder.Find(search.furthest())) {
    judgement.core.push_back(finder.Explain(call, judgement.story));
  }
  judgement.core_is_minimal = finder.is_minimal();
  judgement.most_bytes = std::max(judgement.most_bytes, finder.most_bytes());
  judgement.context = ContextOf(recording, judgement.core);
  return judgement;
}

}  // namespace kct
