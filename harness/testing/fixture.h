// SPDX-License-Identifier: GPL-2.0-only
// VmTest<…>: the fixture of all suites. Its type names what the machine must have; what it lacks
// skips the test, with a reason code, before the test's first line.
//
//   class PrefaultProgress : public VmTest<Need::kTdp, Need::kPrefault> {};
//   class PrefaultRacingDelete : public RaceTest<Need::kTdp, Need::kPrefault> {};
//   class NotifierSource : public EachTest<TestKind::kAbi, Sources> {};  // for KCT_TEST_P
//
// Scenes are set by local objects in the test, not by the fixture.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "harness/testing/registry.h"
#include "harness/testing/report.h"

namespace kct {

class NeedyTest : public testing::Test {
 protected:
  // Skips the test for the first need that this machine lacks.
  static void SkipUnless(const std::vector<Need>& needs) {
    for (Need need : needs) {
      if (const std::optional<Missing> missing = Lacks(need)) {
        ReportSkip(*missing);
        GTEST_SKIP() << missing->reason;
      }
    }
  }
};

template <TestKind kind, Need... needs>
class TestOfKind : public NeedyTest {
 public:
  static constexpr TestKind kKind = kind;
  static std::vector<Need> Needs() { return {needs...}; }

 protected:
  void SetUp() override { SkipUnless(Needs()); }
};

// One thread, or one call after the other.
template <Need... needs>
using VmTest = TestOfKind<TestKind::kAbi, needs...>;

// Calls that meet.
template <Need... needs>
using RaceTest = TestOfKind<TestKind::kRace, needs...>;

// A whole turn of a counter, scenarios by the dozen.
template <Need... needs>
using LongTest = TestOfKind<TestKind::kLong, needs...>;

// The same for each of a list: `List` has
//   static const std::vector<Item>& All();
//   static TestSubject SubjectOf(const Item&);
// and GetParam() is an Item.
template <TestKind kind, typename List, Need... needs>
class EachTest : public NeedyTest, public testing::WithParamInterface<typename List::Item> {
 public:
  static constexpr TestKind kKind = kind;
  static std::vector<Need> Needs() { return {needs...}; }
  static auto Parameters() { return testing::ValuesIn(List::All()); }
  static TestSubject SubjectOf(const typename List::Item& item) { return List::SubjectOf(item); }
  static std::string NameOf(const testing::TestParamInfo<typename List::Item>& info) {
    return SubjectOf(info.param).name;
  }
  static std::vector<TestSubject> Subjects() {
    std::vector<TestSubject> subjects;
    for (const auto& item : List::All()) subjects.push_back(SubjectOf(item));
    return subjects;
  }

 protected:
  void SetUp() override {
    SkipUnless(Needs());
    SkipUnless(SubjectOf(this->GetParam()).needs);
  }
};

}  // namespace kct

#define KCT_ASSERT_OK_IMPL(result, declaration, ...)                                  \
  auto result = (__VA_ARGS__);                                                        \
  ASSERT_TRUE(result.ok()) << "setting the scene failed: " << result.error().message; \
  declaration = std::move(result).value()
// Declares from a Result, or fails the test as one whose scene could not be set.
#define ASSERT_OK_AND_ASSIGN(declaration, ...) \
  KCT_ASSERT_OK_IMPL(KCT_CONCAT(kct_result_, __LINE__), declaration, __VA_ARGS__)
// The same for a Status.
#define ASSERT_OK(...)                                                                          \
  do {                                                                                          \
    const auto kct_status = (__VA_ARGS__);                                                      \
    ASSERT_TRUE(kct_status.ok()) << "setting the scene failed: " << kct_status.error().message; \
  } while (false)

// Ends the test as INCONCLUSIVE unless the race met as often as it was asked to. Reports it.
#define ASSERT_MET(name, history)                                                               \
  do {                                                                                          \
    ::kct::ReportRace(name, history);                                                           \
    if (!(history).Met()) {                                                                     \
      ::kct::ReportInconclusive(std::string(name) + " met too seldom: " + (history).Summary()); \
      return;                                                                                   \
    }                                                                                           \
  } while (false)

// Ends the test as INCONCLUSIVE unless a scene has come about that only time could bring.
#define ASSERT_REACHED(condition, what)                                                 \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      ::kct::ReportInconclusive(std::string("this was not seen to happen: ") + (what)); \
      return;                                                                           \
    }                                                                                   \
  } while (false)
