// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/search.h"

#include <algorithm>

#include "harness/judge/interference.h"

namespace kct {
namespace {

using model::Choice;
using model::Kind;
using model::Move;
using model::Outcome;
using model::Pending;
using model::Phase;

constexpr std::size_t kMostKept = 256;
constexpr unsigned kLastWord = 63;
constexpr std::size_t kMostTellings = 8;

// Pages that a prefault is known to have done.
uint64_t PagesDone(const RecordedCall& call) {
  if (call.seen.error != Errno()) return 0;
  return call.seen.left > call.op.size ? 0 : (call.op.size - call.seen.left) / model::kPageBytes;
}

bool IsSameFault(const Outcome& outcome, const Outcome& seen) {
  return outcome.memory_fault == seen.memory_fault &&
         outcome.fault_is_private == seen.fault_is_private;
}

bool IsSameRemainder(const Outcome& outcome, const Outcome& seen) {
  return outcome.left == seen.left && outcome.address == seen.address;
}

bool IsWhatWasSeen(const RecordedCall& call, const Outcome& outcome) {
  const Outcome& seen = call.seen;
  if (outcome.error != seen.error) return false;
  switch (call.op.kind) {
    case Kind::kPreFault:
      // What kvm_run says of a call that has come on nobody notes.
      return outcome.left == seen.left && outcome.address == seen.address &&
             (seen.error == Errno() || IsSameFault(outcome, seen));
    case Kind::kAccess:
      if (outcome.mmio != seen.mmio || !IsSameFault(outcome, seen)) return false;
      if (outcome.exception || seen.exception) return outcome.exception == seen.exception;
      return seen.error != Errno() || seen.mmio || call.op.size == 0 ||
             call.op.access == model::Access::kWrite || outcome.value == seen.value;
    case Kind::kAccept:
      return IsSameFault(outcome, seen) && outcome.value == seen.value;
    case Kind::kGetDirtyLog:
    case Kind::kReadHost:
    case Kind::kTranslate:
      return seen.error != Errno() || outcome.value == seen.value;
    case Kind::kSnpLaunchUpdate:
      return seen.error != Errno() || IsSameRemainder(outcome, seen);
    case Kind::kTdxInitMemRegion:
      return IsSameRemainder(outcome, seen);
    case Kind::kConvertGuestMemfd:
      return outcome.address == seen.address;
    case Kind::kMapGpaRange:
    case Kind::kAnswerExit:
      return seen.error != Errno() || (outcome.exits == seen.exits && outcome.value == seen.value &&
                                       IsSameRemainder(outcome, seen));
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
    : recording_(recording), timeline_(timeline), free_(free), limits_(limits) {
  spare_.swap(KeptBranches());
  reads_dirty_log_ =
      std::any_of(recording.calls.begin(), recording.calls.end(),
                  [](const RecordedCall& call) { return call.op.kind == Kind::kGetDirtyLog; });
}

Search::~Search() {
  for (auto* const branches : {&spare_, &branches_}) {
    for (auto& branch : *branches) {
      if (KeptBranches().size() < kMostKept) KeptBranches().push_back(std::move(branch));
    }
  }
}

// Most searches are short, and most of their time would go into the kernel's zeroing of fresh
// memory. So a thread keeps the memory of a few branches for its next search.
std::vector<std::unique_ptr<Search::Branch>>& Search::KeptBranches() {
  thread_local std::vector<std::unique_ptr<Branch>> kept;
  return kept;
}

bool Search::Matters(uint32_t call) const {
  return !free_[call] && !recording_.calls[call].any_answer;
}

// Nothing can go on. A guest may run for ever, and host memory may keep its reader waiting.
bool Search::IsQuiet() const {
  for (const ActiveCall& call : now_.active) {
    const Pending& pending = call.pending;
    if (!Matters(call.call)) continue;
    if (pending.over()) return false;
    if (pending.op.kind == Kind::kRun && pending.phase == Phase::kInGuest) continue;
    if (pending.op.may_fault && pending.phase == Phase::kReading) continue;
    if (!model::NextChoices(recording_.rules, now_.state, pending).empty()) return false;
  }
  return !accepts_ || accepts_(*this);
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
    if (point_ == mark_) at_mark_ = now_;
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

// Two configurations with the same key have the same future. What no answer depends on is left out:
// how often the layout was replaced, which roots are stale, a dirty log that nobody reads.
Search::Key Search::KeyOf(const Configuration& configuration, std::size_t point,
                          uint64_t words) const {
  const model::State& state = configuration.state;
  uint64_t first = state.Hash() + point * 0x9e3779b97f4a7c15 + words * 0xbf58476d1ce4e5b9;
  // Nor is the order in which words became known.
  for (const model::Word& word : state.words) {
    if ((words & BitOf(word.gmem, word.address)) == 0) continue;
    uint64_t mixed = (word.address ^ static_cast<uint64_t>(word.gmem)) * 0xff51afd7ed558ccd;
    mixed = (mixed ^ mixed >> 29 ^ word.value) * 0xc4ceb9fe1a85ec53;
    first += mixed ^ mixed >> 32;
  }
  if (reads_dirty_log_) {
    for (const model::Slot& slot : state.slots) {
      first = (first ^ slot.dirty) * 0x9e3779b97f4a7c15 + (slot.maybe_dirty ^ slot.id);
    }
  }
  if (recording_.rules.planted != model::Planted()) first += state.stale_roots * 0xd6e8feb8u;
  uint64_t second = first ^ 0xc2b2ae3d27d4eb4f;
  // The order of the active calls is no part of the configuration.
  for (const ActiveCall& call : configuration.active) {
    const Pending& pending = call.pending;
    const uint64_t old_reader = pending.since != state.swaps ? 1 : 0;
    const uint64_t old_page = pending.invalidated != state.rare->invalidated ? 2 : 0;
    const uint64_t took_private = pending.was_private ? 4 : 0;
    uint64_t mixed = (call.call + 1) * 0xff51afd7ed558ccd ^
                     (static_cast<uint64_t>(pending.phase) << 56 | pending.done << 20 | old_reader |
                      old_page | took_private) *
                         0xc4ceb9fe1a85ec53;
    mixed ^= static_cast<uint64_t>(pending.outcome.error.value()) << 40 ^ pending.outcome.value;
    if (pending.op.kind == Kind::kTranslate) mixed ^= pending.found << 8;
    mixed = (mixed ^ mixed >> 31) * 0x94d049bb133111eb;
    first += mixed;
    second ^= (mixed << 23 | mixed >> 41) * 0xd6e8feb86659fd93;
  }
  return {first, second};
}

uint64_t Search::BitOf(int32_t gmem, uint64_t address) const {
  const auto found = word_numbers_.find(address ^ static_cast<uint64_t>(gmem) << 56);
  return uint64_t{1} << (found == word_numbers_.end() ? kLastWord : found->second);
}

uint64_t Search::WordRead(const ActiveCall& call, const Choice& choice) {
  const model::Operation& op = call.pending.op;
  const bool reads = op.kind == Kind::kAccess && op.access != model::Access::kWrite &&
                     op.size != 0 && choice.move == Move::kMemory;
  if (!reads) return 0;
  const model::Slot* slot =
      now_.state.FindSlot(now_.state.SpaceOf(op.vcpu), model::PageOf(op.address));
  if (slot == nullptr) return 0;
  const uint64_t offset = op.address - slot->gfn * model::kPageBytes;
  const int32_t gmem = slot->gmem_only ? slot->gmem : -1;
  const uint64_t first = slot->gmem_only ? slot->gmem_page : slot->host;
  const uint64_t address = first * model::kPageBytes + offset;
  const auto number = static_cast<unsigned>(word_numbers_.size());
  if (number < kLastWord) {
    word_numbers_.try_emplace(address ^ static_cast<uint64_t>(gmem) << 56, number);
  }
  return BitOf(gmem, address);
}

// Failures of the same calls in another state of words that nobody read on the way count too.
bool Search::FailedBefore() {
  if (failed_.empty()) return false;
  const auto by = failed_by_.find(point_);
  if (by == failed_by_.end()) return false;
  for (uint64_t words : by->second) {
    if (!failed_.contains(KeyOf(now_, point_, words))) continue;
    if (!branches_.empty()) branches_.back()->words_read |= words;
    return true;
  }
  return false;
}

void Search::RememberFailure(const Branch& branch) {
  std::vector<uint64_t>& by = failed_by_[branch.point];
  uint64_t words = branch.words_read;
  if (std::find(by.begin(), by.end(), words) == by.end()) {
    // More words than were read tell apart more than has to be; that is right as well.
    if (by.size() >= kMostTellings) words |= by.back();
    if (by.size() >= kMostTellings) {
      by.back() = words;
    } else {
      by.push_back(words);
    }
  }
  failed_.insert(KeyOf(branch.before, branch.point, words));
}

uint32_t Search::Relevant() const {
  const std::size_t count = now_.active.size();
  const uint32_t all = (uint32_t{1} << count) - 1;
  const Point& point = timeline_[point_];
  // A call that is to be in the middle of itself holds others back from then on.
  if (!limits_.partition || point.kind != Point::Kind::kEnd) return all;
  uint32_t relevant = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (now_.active[i].call == point.call) relevant = uint32_t{1} << i;
  }
  for (uint32_t added = relevant; added != 0;) {
    uint32_t next = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if ((relevant >> i & 1) != 0 || now_.active[i].pending.over()) continue;
      for (std::size_t j = 0; j < count && (next >> i & 1) == 0; ++j) {
        if ((added >> j & 1) != 0 && MayInterfere(recording_.rules, now_.state,
                                                  now_.active[i].pending, now_.active[j].pending)) {
          next |= uint32_t{1} << i;
        }
      }
    }
    relevant |= added = next;
  }
  return relevant;
}

void Search::AddOptions() {
  const uint32_t demanded = timeline_[point_].call;
  const uint32_t relevant = Relevant();
  for (std::size_t i = 0; i < now_.active.size(); ++i) {
    if (now_.active[i].call == demanded) AddOptionsOf(i);
  }
  // Whose answer does not matter has time: so a call that hangs is explained where it got stuck.
  for (const bool matters : {true, false}) {
    for (std::size_t i = 0; i < now_.active.size(); ++i) {
      const uint32_t call = now_.active[i].call;
      if ((relevant >> i & 1) != 0 && call != demanded && Matters(call) == matters) {
        AddOptionsOf(i);
      }
    }
  }
}

void Search::AddOptionsOf(std::size_t active) {
  const ActiveCall& call = now_.active[active];
  if (call.pending.over()) return;
  for (Choice choice : model::NextChoices(recording_.rules, now_.state, call.pending)) {
    if (call.pending.op.kind == Kind::kPreFault && choice.move == Move::kMapPages &&
        recording_.calls[call.call].returned && Matters(call.call)) {
      const uint64_t wanted = PagesDone(recording_.calls[call.call]) - call.pending.done;
      if (wanted == 0 || wanted > PagesDone(recording_.calls[call.call])) continue;
      choice.count = std::min(choice.count, wanted);
    }
    if (CanLeadToWhatWasSeen(call, choice)) options_.push_back({active, choice});
  }
}

// Without a look at the state, so that most steps that lead nowhere cost nothing.
bool Search::CanLeadToWhatWasSeen(const ActiveCall& call, const Choice& choice) const {
  const RecordedCall& recorded = recording_.calls[call.call];
  if (!recorded.returned || !Matters(call.call)) return true;
  if (recording_.rules.planted != model::Planted()) return true;
  switch (choice.move) {
    case Move::kFail:
    case Move::kFinish:
    case Move::kRevert:
      return choice.error == recorded.seen.error;
    case Move::kStop:
      if (call.pending.op.kind != Kind::kPreFault) return true;
      return recorded.seen.error == (call.pending.done > 0 ? Errno() : choice.error);
    case Move::kReplace:
      return recorded.seen.error == Errno();
    case Move::kMmio:
    case Move::kMemory:
      return recorded.seen.mmio == (choice.move == Move::kMmio);
    default:
      return true;
  }
}

bool Search::TakeStep(const Option& option) {
  ActiveCall& call = now_.active[option.active];
  if (!branches_.empty()) branches_.back()->words_read |= WordRead(call, option.choice);
  model::Take(recording_.rules, now_.state, call.pending, option.choice);
  const RecordedCall& recorded = recording_.calls[call.call];
  if (call.pending.over() && recorded.returned && Matters(call.call) &&
      !IsWhatWasSeen(recorded, call.pending.outcome)) {
    return false;
  }
  const Outcome& outcome = call.pending.outcome;
  if (call.pending.over() && call.call == excluded_call_ &&
      std::find(excluded_.begin(), excluded_.end(), Given{outcome.error, outcome.mmio}) !=
          excluded_.end()) {
    return false;
  }
  ++configurations_;
  steps_.push_back({call.call, option.choice, point_, outcome.error, outcome.value});
  return true;
}

bool Search::TryNext(Branch& branch) {
  while (branch.next_option < options_.size()) {
    now_ = branch.before;
    point_ = branch.point;
    steps_.erase(steps_.begin() + static_cast<std::ptrdiff_t>(branch.steps), steps_.end());
    if (TakeStep(options_[branch.next_option++])) return true;
  }
  return false;
}

bool Search::Step() {
  const bool failed_before = limits_.remember_failures && FailedBefore();
  const std::size_t first_option = options_.size();
  if (!failed_before) AddOptions();
  const std::size_t count = options_.size() - first_option;
  if (count == 1) {
    const Option only = options_.back();
    options_.pop_back();
    if (TakeStep(only)) return true;
  } else if (count > 1) {
    Branch& branch = PushBranch();
    branch.before = now_;
    branch.point = point_;
    branch.steps = steps_.size();
    branch.first_option = branch.next_option = first_option;
    branch.words_read = 0;
  }
  while (!branches_.empty() && !TryNext(*branches_.back())) {
    Branch& branch = *branches_.back();
    if (limits_.remember_failures) RememberFailure(branch);
    options_.erase(options_.begin() + static_cast<std::ptrdiff_t>(branch.first_option),
                   options_.end());
    PopBranch();
  }
  return !branches_.empty();
}

Search::Branch& Search::PushBranch() {
  if (spare_.empty()) {
    branches_.push_back(std::make_unique<Branch>());
  } else {
    branches_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  most_branches_ = std::max(most_branches_, branches_.size());
  return *branches_.back();
}

void Search::PopBranch() {
  if (branches_.size() > 1) {
    branches_[branches_.size() - 2]->words_read |= branches_.back()->words_read;
  }
  spare_.push_back(std::move(branches_.back()));
  branches_.pop_back();
}

Answer Search::Run() {
  while (!Advance()) {
    if (*why_ != '\0') return Answer::kGaveUp;
    if (point_ >= furthest_) {
      furthest_ = point_;
      if (mark_ <= point_ && mark_ != SIZE_MAX) best_at_mark_ = at_mark_;
    }
    if (!Step()) return Answer::kContradicted;
    if (configurations_ > limits_.configurations) {
      why_ = "too many possible orders";
      return Answer::kGaveUp;
    }
    if (branches_.size() > kMostBranches) {
      why_ = "too many points at which several orders are possible";
      return Answer::kGaveUp;
    }
  }
  furthest_ = timeline_.size();
  return Answer::kExplained;
}

uint64_t Search::MostBytes() const {
  // A node of the set of failures: its key, a link, what the allocator adds, and its share of the
  // table.
  constexpr uint64_t kFailure = sizeof(Key) + 32;
  return most_branches_ * sizeof(Branch) + failed_.size() * kFailure +
         options_.capacity() * sizeof(Option) + steps_.capacity() * sizeof(Taken);
}

}  // namespace kct
