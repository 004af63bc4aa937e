// SPDX-License-Identifier: GPL-2.0-only
// The vocabulary of the suites. Each matcher carries the small print of its claim.
//
//   EXPECT_THAT(slot.Delete(), Succeeds());
//   EXPECT_THAT(vcpu.PreFault(hole), FailsWith(ENOENT));
//   EXPECT_THAT(vcpu.PreFault(slot.range()), Completes());
//   EXPECT_THAT(history, EveryCall("prefault", AnyOf(MakesProgress(), FailsWith(EAGAIN))));
//
//   Value of: vcpu.PreFault(hole)
//   Expected: fails with ENOENT and leaves its argument alone
//     Actual: PRE_FAULT_MEMORY(gpa=0x1000, size=0x1000, flags=0x0) -> -1 EFAULT
//
// There is no "fails somehow": name the errno, or the set with AnyOf.
#pragma once

#include <gmock/gmock.h>

#include <ostream>

#include "harness/abi/call.h"
#include "harness/race/history.h"

namespace kct {

// A matcher over any Call and over CallRecord, made of a predicate and what it says.
// `why` may add what the matcher saw beyond the call itself.
class CallMatcher {
 public:
  using Predicate = std::function<bool(const CallRecord&, std::ostream& why)>;
  CallMatcher(std::string says, Predicate predicate)
      : says_(std::move(says)), predicate_(std::move(predicate)) {}

  template <typename T>
  operator testing::Matcher<T>() const {
    return testing::MakeMatcher(new Impl<T>(says_, predicate_));
  }

 private:
  template <typename T>
  class Impl : public testing::MatcherInterface<T> {
   public:
    Impl(std::string says, Predicate predicate)
        : says_(std::move(says)), predicate_(std::move(predicate)) {}
    bool MatchAndExplain(T call, testing::MatchResultListener* listener) const override {
      std::ostringstream why;
      const bool matches = predicate_(call, why);
      *listener << why.str();
      return matches;
    }
    void DescribeTo(std::ostream* os) const override { *os << says_; }
    void DescribeNegationTo(std::ostream* os) const override { *os << "not (" << says_ << ")"; }

   private:
    std::string says_;
    Predicate predicate_;
  };

  std::string says_;
  Predicate predicate_;
};

// Returns 0 or a positive number.
CallMatcher Succeeds();
// Returns -1 with this errno, and the argument comes back as it was passed.
CallMatcher FailsWith(int error);
// Returns -1 with this errno; the argument may have changed.
CallMatcher FailsWithAnyArgument(int error);

// --- KVM_PRE_FAULT_MEMORY -----------------------------------------------------------------------
// Returns 0 with nothing left.
CallMatcher Completes();
// Returns 0; what is left is smaller than what was asked for and ends where that ended.
CallMatcher MakesProgress();
// MakesProgress, and exactly this much is left.
CallMatcher Leaves(Bytes left);

// --- histories ----------------------------------------------------------------------------------
// Every call of an actor matches. A mismatch names the first that does not, and what it met.
class EveryCallMatcher {
 public:
  using is_gtest_matcher = void;
  EveryCallMatcher(std::string actor, testing::Matcher<CallRecord> inner)
      : actor_(std::move(actor)), inner_(std::move(inner)) {}
  bool MatchAndExplain(const History& history, std::ostream* why) const;
  void DescribeTo(std::ostream* os) const;
  void DescribeNegationTo(std::ostream* os) const;

 private:
  std::string actor_;
  testing::Matcher<CallRecord> inner_;
};
EveryCallMatcher EveryCall(std::string actor, testing::Matcher<CallRecord> inner);

}  // namespace kct
