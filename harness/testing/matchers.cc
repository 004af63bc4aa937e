// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/matchers.h"

#include <fmt/format.h>

namespace kct {
namespace {

// Words of a prefault's argument, see WordsOf.
constexpr std::size_t kGpa = 0, kSize = 1;

bool Progressed(const CallRecord& call, std::ostream& why) {
  if (!call.ok()) return false;
  const ArgWords& before = call.before;
  const ArgWords& after = call.after;
  if (after[kSize] >= before[kSize]) {
    why << "returned 0 without doing anything";
    return false;
  }
  if (after[kGpa] + after[kSize] != before[kGpa] + before[kSize]) {
    why << "the end of the range moved";
    return false;
  }
  return true;
}

bool Untouched(const CallRecord& call, std::ostream& why) {
  if (call.before == call.after) return true;
  why << "the argument was changed";
  return false;
}

bool Failed(const CallRecord& call, int error) {
  return call.ret == -1 && call.error == Errno(error);
}

}  // namespace

CallMatcher Succeeds() {
  return {"succeeds", [](const CallRecord& call, std::ostream&) { return call.ok(); }};
}

CallMatcher FailsWith(int error) {
  return {fmt::format("fails with {} and leaves its argument alone", Errno(error).Name()),
          [error](const CallRecord& call, std::ostream& why) {
            return Failed(call, error) && Untouched(call, why);
          }};
}

CallMatcher FailsWithAnyArgument(int error) {
  return {fmt::format("fails with {}", Errno(error).Name()),
          [error](const CallRecord& call, std::ostream&) { return Failed(call, error); }};
}

CallMatcher Completes() {
  return {"succeeds with nothing left", [](const CallRecord& call, std::ostream& why) {
            return Progressed(call, why) && call.after[kSize] == 0;
          }};
}

CallMatcher MakesProgress() { return {"succeeds and makes progress", Progressed}; }

CallMatcher Leaves(Bytes left) {
  return {fmt::format("succeeds and leaves {:#x} bytes", left.count),
          [left](const CallRecord& call, std::ostream& why) {
            return Progressed(call, why) && call.after[kSize] == left.count;
          }};
}

bool EveryCallMatcher::MatchAndExplain(const History& history, std::ostream* why) const {
  for (const RaceEvent& event : history.events) {
    if (history.actors[event.actor] != actor_ || inner_.Matches(event.call)) continue;
    if (why != nullptr) {
      testing::StringMatchResultListener reason;
      inner_.MatchAndExplain(event.call, &reason);
      *why << history.Summary() << "\n  first offender  " << history.Describe(event);
      if (!reason.str().empty()) *why << " (" << reason.str() << ")";
      for (const RaceEvent& met : history.MeetingsOf(event)) {
        *why << "\n  it met          " << history.Describe(met);
      }
    }
    return false;
  }
  return true;
}

void EveryCallMatcher::DescribeTo(std::ostream* os) const {
  *os << "every call of \"" << actor_ << "\" ";
  inner_.DescribeTo(os);
}

void EveryCallMatcher::DescribeNegationTo(std::ostream* os) const {
  *os << "not (";
  DescribeTo(os);
  *os << ")";
}

EveryCallMatcher EveryCall(std::string actor, testing::Matcher<CallRecord> inner) {
  return {std::move(actor), std::move(inner)};
}

}  // namespace kct
