// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/search.h"

#include <algorithm>

namespace kct {
namespace {

using model::Choice;
using model::Kind;
using model::Move;
using model::Outcome;
using model::Pending;
using model::Phase;

// Pages that a prefault is known to have done.
uint64_t PagesDone(const RecordedCall& call) {
  if (call.seen.error != Errno()) return 0;
  return call.seen.left > call.op.size ? 0 : (call.op.size - call.seen.left) / model::kPageBytes;
}

bool IsWhatWasSeen(const RecordedCall& call, const Outcome& outcome) {
  const Outcome& seen = call.seen;
  if (outcome.error != seen.error) return false;
  switch (call.op.kind) {
    case Kind::kPreFault:
      return outcome.left == seen.left && outcome.address == seen.address &&
             outcome.memory_fault == seen.memory_fault;
    case Kind::kAccess:
      if (outcome.mmio != seen.mmio || outcome.memory_fault != seen.memory_fault) return false;
      return seen.error != Errno() || seen.mmio || call.op.size == 0 ||
             call.op.access == model::Access::kWrite || outcome.value == seen.value;
    case Kind::kGetDirtyLog:
      return seen.error != Errno() || outcome.value == seen.value;
    default:
      return true;
  }
}

// Whether a call was seen in this phase. What an update waits for in the kernel looks alike
// before and after the swap.
bool IsInPhase(const Pending& pending, Phase phase) {
  if (phase == Phase::kInvalidated) {
    return pending.phase == Phase::kInvalidated || pending.phase == Phase::kSwapped;
  }
  return pending.phase == phase;
}

}  // namespace

ActiveCall* Configuration::Find(uint32_t call) {
  for (ActiveCall& one : active) {
    if (one.call == call) return &one;
  }
  return nullptr;
}

Search::Search(const Recording& recording, std::span<const Point> timeline,
               const std::vector<bool>& free, const JudgeLimits& limits)
    : recording_(recording), timeline_(timeline), free_(free), limits_(limits) {}

// Nothing can go on. A guest may run for ever, and host memory may keep its reader waiting.
bool Search::IsQuiet() const {
  for (const ActiveCall& call : now_.active) {
    const Pending& pending = call.pending;
    if (free_[call.call]) continue;
    if (pending.over()) return false;
    if (pending.op.kind == Kind::kRun && pending.phase == Phase::kInGuest) continue;
    if (pending.op.may_fault && pending.phase == Phase::kReading) continue;
    if (!model::NextChoices(recording_.rules, now_.state, pending).empty()) return false;
  }
  return true;
}

bool Search::IsMet(const Point& point) {
  if (point.kind == Point::Kind::kQuiet) return IsQuiet();
  ActiveCall* call = now_.Find(point.call);
  if (point.kind == Point::Kind::kSighting) {
    return call != nullptr && IsInPhase(call->pending, point.phase);
  }
  return call->pending.over();
}

bool Search::Advance() {
  for (; point_ < timeline_.size(); ++point_) {
    const Point& point = timeline_[point_];
    if (point.kind == Point::Kind::kBegin) {
      if (now_.active.full()) {
        why_ = "too many calls in flight at once";
        return false;
      }
      ActiveCall begun{point.call, Pending(recording_.calls[point.call].op)};
      begun.pending.found = recording_.calls[point.call].seen.value;
      now_.active.push_back(begun);
      continue;
    }
    if (!IsMet(point)) return false;
    if (point.kind == Point::Kind::kEnd) now_.active.erase(now_.Find(point.call));
  }
  return true;
}

Search::Key Search::KeyOf(const Configuration& configuration, std::size_t point) const {
  uint64_t first = configuration.state.Hash() + point * 0x9e3779b97f4a7c15;
  uint64_t second = first ^ 0xc2b2ae3d27d4eb4f;
  // The order of the active calls is no part of the configuration.
  for (const ActiveCall& call : configuration.active) {
    const Pending& pending = call.pending;
    uint64_t mixed =
        (call.call + 1) * 0xff51afd7ed558ccd ^
        (static_cast<uint64_t>(pending.phase) << 56 | pending.done << 20 | pending.since) *
            0xc4ceb9fe1a85ec53;
    mixed ^= static_cast<uint64_t>(pending.outcome.error.value()) << 40 ^ pending.outcome.value;
    mixed = (mixed ^ mixed >> 31) * 0x94d049bb133111eb;
    first += mixed;
    second ^= (mixed << 23 | mixed >> 41) * 0xd6e8feb86659fd93;
  }
  return {first, second};
}

// A step that can't lead to what was seen of its call is not taken.
bool Search::TakeIfAllowed(const Branch& branch, std::size_t active_index, const Choice& choice) {
  const uint32_t index = branch.before.active[active_index].call;
  const RecordedCall& call = recording_.calls[index];
  const bool matters = call.returned && !free_[index];
  Choice taken = choice;
  if (call.op.kind == Kind::kPreFault && matters && choice.move == Move::kMapPages) {
    const uint64_t wanted = PagesDone(call) - branch.before.active[active_index].pending.done;
    if (wanted == 0 || wanted > PagesDone(call)) return false;
    taken.count = std::min(choice.count, wanted);
  }
  now_ = branch.before;
  Pending& pending = now_.active[active_index].pending;
  model::Take(recording_.rules, now_.state, pending, taken);
  if (pending.over() && matters && !IsWhatWasSeen(call, pending.outcome)) return false;
  ++configurations_;
  steps_.erase(steps_.begin() + static_cast<std::ptrdiff_t>(branch.steps), steps_.end());
  steps_.push_back({index, taken});
  point_ = branch.point;
  return true;
}

bool Search::TryNext(Branch& branch) {
  const uint32_t demanded = timeline_[branch.point].call;
  const std::size_t count = branch.before.active.size();
  while (branch.next_active <= count) {
    // Place 0 is the demanded call; place n > 0 is active call n - 1, if that is another one.
    std::size_t index = count;
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_demanded = branch.before.active[i].call == demanded;
      if (branch.next_active == 0 ? is_demanded : !is_demanded && i + 1 == branch.next_active) {
        index = i;
      }
    }
    if (index < count && !branch.before.active[index].pending.over()) {
      const model::Choices choices = model::NextChoices(recording_.rules, branch.before.state,
                                                        branch.before.active[index].pending);
      while (branch.next_choice < choices.size()) {
        if (TakeIfAllowed(branch, index, choices[branch.next_choice++])) return true;
      }
    }
    ++branch.next_active;
    branch.next_choice = 0;
  }
  return false;
}

Answer Search::Run() {
  while (!Advance()) {
    if (*why_ != '\0') return Answer::kGaveUp;
    furthest_ = std::max(furthest_, point_);
    const bool seen_before =
        limits_.remember_failures && !failed_.empty() && failed_.contains(KeyOf(now_, point_));
    if (!seen_before) branches_.push_back({now_, point_, 0, 0, steps_.size()});
    while (!branches_.empty() && !TryNext(branches_.back())) {
      if (limits_.remember_failures) {
        failed_.insert(KeyOf(branches_.back().before, branches_.back().point));
      }
      branches_.pop_back();
    }
    if (branches_.empty()) return Answer::kContradicted;
    if (configurations_ > limits_.configurations) {
      why_ = "too many possible orders";
      return Answer::kGaveUp;
    }
  }
  furthest_ = timeline_.size();
  last_ = now_;
  return Answer::kExplained;
}

}  // namespace kct
