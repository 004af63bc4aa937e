// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "harness/judge/search.h"
#include "harness/judge/timeline.h"

namespace kct {
namespace {

using model::Kind;

// Promises of progress: where a call hangs, the first of these on its way is the one it breaks.
constexpr std::array<std::string_view, 9> kProgressClauses{
    "PREFAULT-36", "PREFAULT-38", "PREFAULT-39", "PREFAULT-41", "PREFAULT-50",
    "PREFAULT-52", "MEMSLOT-36",  "MEMSLOT-44",  "MEMSLOT-45"};

bool IsAboutProgress(std::string_view clause) {
  return std::find(kProgressClauses.begin(), kProgressClauses.end(), clause) !=
         kProgressClauses.end();
}

// Of a long recording, how many of the last calls before the contradiction the core is looked for
// in; how those before them happened is taken from the attempt that came furthest.
constexpr std::size_t kWindow = 100;
constexpr std::size_t kMostCore = 8;
constexpr std::size_t kMostAnswers = 4;  // of a call, that are listed as allowed

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
    // Preferably with the answers of all others in force, those outside the core as well.
    const std::vector<bool> outside = std::exchange(free_, std::vector<bool>(free_.size(), false));
    CoreCall core = ExplainByOthers(call, story);
    free_ = outside;
    return core.allowed.empty() ? ExplainByOthers(call, story) : core;
  }

  CoreCall ExplainByOthers(uint32_t call, std::vector<StoryStep>& story) {
    free_[call] = true;
    CoreCall core =
        recording_.calls[call].returned ? ExplainAnswer(call, story) : ExplainHang(call, story);
    free_[call] = false;
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

  CoreCall ExplainAnswer(uint32_t call, std::vector<StoryStep>& story) {
    CoreCall core{call, {}, {}};
    std::vector<Search::Given> found;
    while (found.size() < kMostAnswers) {
      Search search(recording_, window_, free_, Share());
      search.Exclude(call, found);
      if (!Explains(search)) break;
      if (story.empty()) AddStory(search, story);
      const auto last =
          std::find_if(search.steps().rbegin(), search.steps().rend(),
                       [&](const Search::Taken& taken) { return taken.call == call; });
      if (last == search.steps().rend()) break;
      core.allowed.push_back(Answered(call, last->choice.move, last->answer, last->value));
      core.clauses.emplace_back(last->choice.clause.text());
      found.push_back({last->answer, last->choice.move == model::Move::kMmio});
    }
    return core;
  }

  // How far the call had come is not known, so it may be one of several promises that it broke.
  // One of progress is what a call that hangs breaks: others count where there is none.
  CoreCall ExplainHang(uint32_t call, std::vector<StoryStep>& story) {
    std::vector<BrokenPromise> found;
    const auto is_new = [&](const Search& search) {
      const auto broken = PromiseBrokenBy(search, call);
      return broken && std::none_of(found.begin(), found.end(), [&](const BrokenPromise& known) {
               return known.clause.text() == broken->clause.text();
             });
    };
    bool of_progress = false;
    while (found.size() < kMostAnswers) {
      Search search(recording_, window_, free_, Share());
      search.AcceptEndsThat(is_new);
      if (!Explains(search)) break;
      found.push_back(*PromiseBrokenBy(search, call));
      const bool first_of_progress = !of_progress && IsAboutProgress(found.back().clause.text());
      of_progress = of_progress || first_of_progress;
      if (found.size() > 1 && !first_of_progress) continue;
      story.clear();
      AddStory(search, story);
    }
    CoreCall core{call, {}, {}};
    for (const BrokenPromise& broken : found) {
      if (of_progress && !IsAboutProgress(broken.clause.text())) continue;
      core.allowed.push_back(broken.answer);
      core.clauses.emplace_back(broken.clause.text());
    }
    return core;
  }

  bool Explains(Search& search) {
    search.StartFrom(start_);
    const Answer answer = search.Run();
    most_bytes_ = std::max(most_bytes_, search.MostBytes());
    return answer == Answer::kExplained;
  }

  // What a call that hangs could have gone on with, and the promise that it would.
  struct BrokenPromise {
    ClauseId clause;
    std::string answer;
  };
  std::optional<BrokenPromise> PromiseBrokenBy(const Search& search, uint32_t call) const {
    std::vector<model::Choice> way;
    for (const Search::Taken& taken : search.steps()) {
      if (taken.call == call) way.push_back(taken.choice);
    }
    for (const ActiveCall& active : search.now().active) {
      if (active.call != call || active.pending.over()) continue;
      for (const model::Choice& choice :
           model::NextChoices(recording_.rules, search.now().state, active.pending)) {
        way.push_back(choice);
      }
    }
    if (way.empty()) return std::nullopt;
    const auto promise = std::find_if(way.begin(), way.end(), [](const model::Choice& choice) {
      return IsAboutProgress(choice.clause.text());
    });
    const model::Choice& named = promise == way.end() ? way.back() : *promise;
    return BrokenPromise{named.clause, Answered(call, way.back().move, way.back().error, 0)};
  }

  void AddStory(const Search& search, std::vector<StoryStep>& story) const {
    for (const Search::Taken& taken : search.steps()) {
      const uint64_t time = window_[taken.point].time;
      story.push_back({taken.call, taken.choice.move, taken.choice.clause, time});
    }
  }

  std::string Answered(uint32_t call, model::Move move, Errno error, uint64_t value) const {
    const model::Operation& op = recording_.calls[call].op;
    if (error != Errno()) return error.Name();
    if (op.kind != Kind::kAccess) return "0";
    if (move == model::Move::kMmio) return "MMIO";
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

bool Overlap(const RecordedCall& a, const RecordedCall& b) {
  return (!a.returned || b.begin <= a.end) && (!b.returned || a.begin <= b.end);
}

// What calls of the core are to be seen with: what overlapped them, the last few updates and
// accesses of the same memory before them, and what overlapped the last of those updates.
class ContextFinder {
 public:
  ContextFinder(const Recording& recording, const std::vector<CoreCall>& core)
      : recording_(recording), core_(core) {}

  std::vector<uint32_t> Find() {
    for (const CoreCall& one : core_) {
      const RecordedCall& offender = recording_.calls[one.call];
      AddOverlapping(offender);
      if (const RecordedCall* update = AddBefore(offender)) AddOverlapping(*update);
    }
    std::sort(context_.begin(), context_.end());
    context_.erase(std::unique(context_.begin(), context_.end()), context_.end());
    return std::move(context_);
  }

 private:
  static constexpr std::size_t kMeanwhile = 10, kUpdates = 3, kAccesses = 2;

  void Add(uint32_t call) {
    const auto same = [&](const CoreCall& one) { return one.call == call; };
    if (std::none_of(core_.begin(), core_.end(), same)) context_.push_back(call);
  }

  // Calls as a whole only: a guest makes too many accesses.
  void AddOverlapping(const RecordedCall& offender) {
    std::size_t count = 0;
    for (uint32_t i = static_cast<uint32_t>(recording_.calls.size()); i-- > 0;) {
      const RecordedCall& call = recording_.calls[i];
      if (call.refused || call.op.kind == Kind::kAccess || &call == &offender) continue;
      if (count < kMeanwhile && Overlap(call, offender)) {
        Add(i);
        ++count;
      }
    }
  }

  // The last of the updates; nullptr: there is none.
  const RecordedCall* AddBefore(const RecordedCall& offender) {
    const RecordedCall* last = nullptr;
    std::size_t updates = 0, accesses = 0;
    for (uint32_t i = static_cast<uint32_t>(recording_.calls.size()); i-- > 0;) {
      const RecordedCall& call = recording_.calls[i];
      const bool before = call.returned && call.end < offender.begin && !call.refused;
      if (!before || !AreAboutTheSameMemory(call.op, offender.op)) continue;
      if (call.op.kind == Kind::kSetRegion && updates < kUpdates) {
        if (updates++ == 0) last = &call;
        Add(i);
      }
      const bool both_access = call.op.kind == Kind::kAccess && offender.op.kind == Kind::kAccess;
      if (both_access && accesses < kAccesses) {
        Add(i);
        ++accesses;
      }
    }
    return last;
  }

  const Recording& recording_;
  const std::vector<CoreCall>& core_;
  std::vector<uint32_t> context_;
};

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
  judgement.context = ContextFinder(recording, judgement.core).Find();
  return judgement;
}

}  // namespace kct
