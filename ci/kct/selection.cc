// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/selection.h"

#include <algorithm>
#include <map>
#include <set>

#include "ci/kct/filter.h"
#include "ci/kct/seeds.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

bool Contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

Status CheckNames(const std::vector<TestCase>& tests, const SelectionOptions& options) {
  if (!options.clause.empty() && FindClause(options.clause) == nullptr) {
    return MakeError("--clause: no clause {} in docs/spec", options.clause);
  }
  std::set<std::string> suites;
  for (const TestCase& test : tests) suites.insert(test.suite);
  for (const std::string& suite : options.suites) {
    if (suites.contains(suite)) continue;
    return MakeError("--suite: no suite '{}'; there is {}", suite, fmt::join(suites, ", "));
  }
  return {};
}

bool RunsIn(const TestCase& test, Mode mode, const SelectionOptions& options) {
  if (ComparesModes(test)) {
    const auto chosen = [&](Mode one) {
      return std::find(options.modes.begin(), options.modes.end(), one) != options.modes.end();
    };
    return options.modes.empty() || (chosen(Mode::kNpt) && chosen(Mode::kShadow));
  }
  if (!options.modes.empty()) return BelongsTo(test, mode);
  return mode == Mode::kShadow ? test.paging == "shadow" : BelongsTo(test, mode);
}

// The name without the parameter; of a race that of its fixture.
std::string FamilyOf(const TestCase& test) {
  return test.name.substr(0, test.name.find(test.kind == "race" ? '.' : '/'));
}

// Those of `tests` that a quick run does without.
std::set<std::string> SparedByQuickRun(const std::vector<TestCase>& tests,
                                       const SelectionOptions& options) {
  std::set<std::string> spared;
  std::map<std::string, std::vector<std::string>> families;
  for (const TestCase& test : tests) {
    const bool needs_shadow = test.paging == "shadow" || ComparesModes(test);
    if (test.kind == "long" || (needs_shadow && options.modes.empty())) spared.insert(test.name);
    families[FamilyOf(test)].push_back(test.name);
  }
  for (const auto& [family, members] : families) {
    const std::string& chosen = members[SeedOfTest(options.seed, family) % members.size()];
    for (const std::string& member : members) {
      if (member != chosen) spared.insert(member);
    }
  }
  return spared;
}

}  // namespace

Result<Selection> Select(const std::vector<TestCase>& tests, const SelectionOptions& options) {
  KCT_TRY_STATUS(CheckNames(tests, options));
  KCT_TRY(const Filter filter, Filter::Parse(options.filter));
  const auto wanted = [&](const TestCase& test) {
    return filter.Matches(test.name) &&
           (options.suites.empty() || Contains(options.suites, test.suite)) &&
           (options.clause.empty() || Contains(test.clauses, options.clause));
  };
  std::set<std::string> spared;
  if (options.extent == Extent::kQuick) spared = SparedByQuickRun(tests, options);
  const std::vector<Mode> modes =
      options.modes.empty() ? std::vector<Mode>{Mode::kNpt, Mode::kShadow} : options.modes;
  Selection selection;
  for (const Mode mode : modes) {
    for (unsigned repeat = 0; repeat < options.repeat; ++repeat) {
      const uint64_t run_seed = SeedOfRepeat(options.seed, repeat);
      for (const TestCase& test : tests) {
        if (!wanted(test) || spared.contains(test.name) || !RunsIn(test, mode, options)) continue;
        selection.assignments.push_back(
            {test, mode, repeat, run_seed, SeedOfTest(run_seed, test.name), options.lie});
      }
    }
  }
  for (const TestCase& test : tests) {
    const auto runs = [&](const Assignment& a) { return a.test.name == test.name; };
    if (std::none_of(selection.assignments.begin(), selection.assignments.end(), runs)) {
      selection.left_out.push_back(test);
    }
  }
  if (selection.assignments.empty()) {
    return MakeError("no test matches: --filter {}{}{}{}, of {} tests", options.filter,
                     options.suites.empty() ? "" : " with --suite",
                     options.clause.empty() ? "" : " with --clause " + options.clause,
                     options.extent == Extent::kQuick ? " with --quick" : "", tests.size());
  }
  return selection;
}

}  // namespace kct
