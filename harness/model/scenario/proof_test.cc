// SPDX-License-Identifier: GPL-2.0-only
// The proof of the model's own areas: each scenario holds; each planted bug makes one fail, which
// names the bug's clause; each scenario can be made to fail.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/model/bugs.h"
#include "harness/model/scenario/world.h"

namespace kct::model {

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }
void PrintTo(const PlantedBug& bug, std::ostream* out) { *out << bug.name; }

namespace {

std::vector<Failure> FailuresOf(const Scenario& scenario, const Planted& planted) {
  World world(planted);
  scenario.run(world);
  return world.failures();
}

std::string Text(const std::vector<Failure>& failures) {
  std::string text;
  for (const Failure& failure : failures) {
    text += fmt::format("  {} {}\n", failure.clause.text(), failure.text);
  }
  return text;
}

template <typename T>
std::string NameOf(const testing::TestParamInfo<T>& param) {
  std::string name(param.param.name);
  std::ranges::replace(name, '-', '_');
  return name;
}

class Scenarios : public testing::TestWithParam<Scenario> {};

// On the model as it is every scenario holds.
TEST_P(Scenarios, Hold) {
  const std::vector<Failure> failures = FailuresOf(GetParam(), {});
  EXPECT_TRUE(failures.empty()) << Text(failures);
}

// A scenario that no planted bug makes fail shows nothing.
TEST_P(Scenarios, CanFail) {
  // Those that the suites have to notice are bugs of the model as well.
  std::vector<PlantedBug> bugs = AllAreaBugs();
  const std::vector<PlantedBug> of_suites = AllPlantedBugs();
  bugs.insert(bugs.end(), of_suites.begin(), of_suites.end());
  EXPECT_TRUE(std::ranges::any_of(bugs, [](const PlantedBug& bug) {
    return !FailuresOf(GetParam(), bug.planted).empty();
  })) << "no planted bug makes it fail";
}

INSTANTIATE_TEST_SUITE_P(Areas, Scenarios, testing::ValuesIn(AllScenarios()),
                         [](const auto& param) { return NameOf(param); });

class AreaBug : public testing::TestWithParam<PlantedBug> {};

// Some scenario of those that declare the bug's clause fails, and blames it.
TEST_P(AreaBug, IsBlamedOnItsClause) {
  std::string blamed;
  bool noticed = false;
  for (const Scenario& scenario : AllScenarios()) {
    const bool declares =
        std::ranges::find(scenario.clauses, GetParam().clause) != scenario.clauses.end();
    for (const Failure& failure : FailuresOf(scenario, GetParam().planted)) {
      noticed = noticed || (declares && failure.clause == GetParam().clause);
      blamed += fmt::format("  {}: {} {}\n", scenario.name, failure.clause.text(), failure.text);
    }
  }
  EXPECT_TRUE(noticed) << GetParam().clause.text() << ": " << GetParam().description
                       << "\nfailures:\n"
                       << blamed;
}

INSTANTIATE_TEST_SUITE_P(Planted, AreaBug, testing::ValuesIn(AllAreaBugs()),
                         [](const auto& param) { return NameOf(param); });

// The table for the report: bug, clause, the scenarios that notice it.
TEST(Proof, Table) {
  std::map<std::string, std::set<std::string>> noticed_by;
  for (const PlantedBug& bug : AllAreaBugs()) {
    std::set<std::string>& names = noticed_by[bug.name];
    for (const Scenario& scenario : AllScenarios()) {
      if (!FailuresOf(scenario, bug.planted).empty()) names.emplace(scenario.name);
    }
    EXPECT_FALSE(names.empty()) << bug.name;
    fmt::print("{:45} {:12} {} of {}: {}\n", bug.name, bug.clause.text(), names.size(),
               AllScenarios().size(), names.empty() ? "" : *names.begin());
  }
  EXPECT_GE(noticed_by.size(), 35u);
}

}  // namespace
}  // namespace kct::model
