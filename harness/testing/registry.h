// SPDX-License-Identifier: GPL-2.0-only
// Registry: what is known about each test without running it: its clauses, its kind, its place.
//
//   // A flag nobody has defined is refused, and the range comes back as it was.
//   KCT_TEST(PrefaultArguments, RejectsEveryFlag, "PREFAULT-03", "PREFAULT-19") {
//     …
//   }
//
// A claim about each of a list of things is one test a thing, "Fixture.Claim/thing", with what that
// thing needs and its clauses besides those of the claim. The fixture is an EachTest (fixture.h):
//
//   // Whatever the source did, the guest sees it.
//   KCT_TEST_P(NotifierSource, ShowsWhatItDid, "MN-04") {
//     … GetParam() …
//   }
//   KCT_INSTANTIATE(NotifierSource);
//
// The first clause is the claim of the test: a stall is a breach of it. A failure blames all
// clauses of the test, or the one of an enclosing SCOPED_CLAUSE. A clause that docs/spec does not
// have is a compile error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/spec/clause_id.h"
#include "harness/testing/needs.h"

namespace kct {

enum class TestKind {
  kAbi,
  kRace,
  kLong,  // takes seconds by its nature; a quick run leaves it out
};

struct TestEntry {
  std::string_view fixture;
  std::string name;
  std::string_view file;
  int line;
  TestKind kind;
  std::vector<Need> needs;
  std::vector<ClauseId> clauses;

  std::string FullName() const;  // "PrefaultArguments.RejectsEveryFlag"
};

// All tests of this program, in the order of their registration.
const std::vector<TestEntry>& AllTests();
// nullptr: no KCT_TEST of that name.
const TestEntry* FindTest(std::string_view fixture, std::string_view name);

// One of the things that a KCT_TEST_P is about.
struct TestSubject {
  std::string name;
  std::vector<Need> needs;
  std::vector<ClauseId> clauses;
};

struct Registration {
  explicit Registration(TestEntry entry);
  Registration(const TestEntry& claim, const std::vector<TestSubject>& subjects);
};

// The path of a source file as it is in the repository; __FILE__ is as the compiler was called.
std::string_view RepositoryPath(std::string_view file);

// The tests as docs/design/protocol.md describes them.
std::string ListAsJson(std::string_view suite);
// The same as commands for CTest, which runs each through `runner session run` and on the model.
std::string ListAsCTest(std::string_view suite, std::string_view runner);

}  // namespace kct

#define KCT_TEST(fixture, name, ...)                                                          \
  static const ::kct::Registration kct_registration_##fixture##_##name(::kct::TestEntry{      \
      #fixture, #name, __FILE__, __LINE__, fixture::kKind, fixture::Needs(), {__VA_ARGS__}}); \
  TEST_F(fixture, name)

#define KCT_TEST_P(fixture, name, ...)                                                           \
  static const ::kct::Registration kct_registration_##fixture##_##name(                          \
      ::kct::TestEntry{                                                                          \
          #fixture, #name, __FILE__, __LINE__, fixture::kKind, fixture::Needs(), {__VA_ARGS__}}, \
      fixture::Subjects());                                                                      \
  TEST_P(fixture, name)

// Once for each fixture, after its tests.
#define KCT_INSTANTIATE(fixture) \
  INSTANTIATE_TEST_SUITE_P(, fixture, fixture::Parameters(), fixture::NameOf)
