// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/brute_force.h"

#include <map>

#include "harness/judge/timeline.h"

namespace kct {
namespace {

using model::Kind;

class BruteForce {
 public:
  BruteForce(const Recording& recording, const std::vector<Point>& timeline, uint64_t most_steps)
      : recording_(recording), timeline_(timeline), steps_left_(most_steps) {}

  Answer Run() {
    if (Explore(0, {}, {})) return Answer::kExplained;
    return steps_left_ == 0 ? Answer::kGaveUp : Answer::kContradicted;
  }

 private:
  using Active = std::map<uint32_t, model::Pending>;

  // Whether the rest of the timeline can be explained from here.
  bool Explore(std::size_t point, const model::State& state, const Active& active) {
    if (point == timeline_.size()) return true;
    if (steps_left_ == 0) return false;
    --steps_left_;
    return PassPoint(point, state, active) || TakeSteps(point, state, active);
  }

  bool PassPoint(std::size_t point, const model::State& state, Active active) {
    const Point& next = timeline_[point];
    if (next.kind == Point::Kind::kBegin) {
      model::Pending pending(recording_.calls[next.call].op);
      pending.found = recording_.calls[next.call].seen.value;
      active[next.call] = pending;
      return Explore(point + 1, state, active);
    }
    const model::Pending& pending = active.at(next.call);
    if (!pending.over() || !IsRight(recording_.calls[next.call], pending.outcome)) return false;
    active.erase(next.call);
    return Explore(point + 1, state, active);
  }

  bool TakeSteps(std::size_t point, const model::State& state, const Active& active) {
    for (const auto& [call, pending] : active) {
      if (pending.over()) continue;
      for (model::Choice choice : model::NextChoices(recording_.rules, state, pending)) {
        const uint64_t most = choice.count;
        for (choice.count = most == 0 ? 0 : 1; choice.count <= most; ++choice.count) {
          model::State after = state;
          Active others = active;
          model::Take(recording_.rules, after, others[call], choice);
          if (Explore(point, after, others)) return true;
        }
      }
    }
    return false;
  }

  static bool IsRight(const RecordedCall& call, const model::Outcome& outcome) {
    if (call.any_answer) return true;
    if (call.op.kind == Kind::kAccess && call.op.access == model::Access::kWrite) {
      return outcome.mmio == call.seen.mmio && outcome.error == call.seen.error;
    }
    return outcome == call.seen;
  }

  const Recording& recording_;
  const std::vector<Point>& timeline_;
  uint64_t steps_left_;
};

}  // namespace

Answer JudgeByBruteForce(const Recording& recording, uint64_t most_steps) {
  const Result<std::vector<Point>> timeline = TimelineOf(recording);
  if (!timeline) return Answer::kGaveUp;
  return BruteForce(recording, timeline.value(), most_steps).Run();
}

}  // namespace kct
