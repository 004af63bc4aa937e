// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/index.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace kct {
namespace {

using Json = nlohmann::json;

Result<std::string> StringMember(std::string_view name, size_t entry, const Json& test,
                                 const char* member) {
  const auto found = test.find(member);
  if (found == test.end() || !found->is_string()) {
    return MakeError("{}: entry {} has no string '{}'", name, entry, member);
  }
  return found->get<std::string>();
}

Result<ListedTest> ParseTest(std::string_view name, size_t entry, const Json& test) {
  if (!test.is_object()) return MakeError("{}: entry {} is not an object", name, entry);
  ListedTest listed;
  KCT_TRY(listed.name, StringMember(name, entry, test, "name"));
  KCT_TRY(listed.file, StringMember(name, entry, test, "file"));
  const auto clauses = test.find("clauses");
  if (clauses == test.end() || !clauses->is_array()) {
    return MakeError("{}: entry {} ({}) has no array 'clauses'", name, entry, listed.name);
  }
  for (const Json& clause : *clauses) {
    if (!clause.is_string()) {
      return MakeError("{}: entry {} ({}) has a clause that is not a string: {}", name, entry,
                       listed.name, clause.dump());
    }
    listed.clauses.push_back(clause.get<std::string>());
  }
  return listed;
}

using TestsByClause = std::map<std::string, std::set<std::string>, std::less<>>;

TestsByClause GroupByClause(std::span<const ListedTest> tests) {
  TestsByClause by_clause;
  for (const ListedTest& test : tests) {
    for (const std::string& clause : test.clauses) by_clause[clause].insert(test.name);
  }
  return by_clause;
}

// "PREFAULT-36" is on the page prefault.md. The exception has a name that nobody would look for.
std::string PageOf(std::string_view id) {
  std::string area(id.substr(0, id.find('-')));
  if (area == "MN") return "notifier.md";
  std::ranges::transform(area, area.begin(), [](unsigned char c) { return std::tolower(c); });
  return area + ".md";
}

std::string TestsCell(const Clause& clause, const TestsByClause& tests) {
  const auto found = tests.find(clause.id);
  if (found != tests.end()) return fmt::format("`{}`", fmt::join(found->second, "` `"));
  return clause.untested.empty() ? "none" : fmt::format("not tested: {}", clause.untested);
}

}  // namespace

Result<std::vector<ListedTest>> ParseTestList(std::string_view name, std::string_view json) {
  const Json list = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return MakeError("{}: expected a JSON array of tests", name);
  std::vector<ListedTest> tests;
  for (const Json& test : list) {
    KCT_TRY(ListedTest listed, ParseTest(name, tests.size(), test));
    tests.push_back(std::move(listed));
  }
  return tests;
}

std::vector<std::string> FindGaps(std::span<const Clause> clauses,
                                  std::span<const ListedTest> tests) {
  std::vector<std::string> gaps;
  const TestsByClause by_clause = GroupByClause(tests);
  for (const Clause& clause : clauses) {
    const auto found = by_clause.find(clause.id);
    if (found == by_clause.end() && clause.untested.empty()) {
      gaps.push_back(fmt::format("docs/spec/{}: {} has neither a test nor a field Untested",
                                 PageOf(clause.id), clause.id));
    }
    if (found != by_clause.end() && !clause.untested.empty()) {
      gaps.push_back(fmt::format("docs/spec/{}: {} has a field Untested, but {} tests it",
                                 PageOf(clause.id), clause.id, *found->second.begin()));
    }
  }
  for (const ListedTest& test : tests) {
    if (test.clauses.empty()) {
      gaps.push_back(fmt::format("{}: {} names no clause", test.file, test.name));
    }
    for (const std::string& id : test.clauses) {
      if (std::ranges::find(clauses, id, &Clause::id) == clauses.end()) {
        gaps.push_back(
            fmt::format("{}: {} names {}, which is no clause", test.file, test.name, id));
      }
    }
  }
  return gaps;
}

std::string RenderIndex(std::span<const Clause> clauses, std::span<const ListedTest> tests) {
  std::string text =
      "# Clauses and tests\n\n"
      "Generated from the clause pages and from what the test binaries list. How to refresh it: "
      "the\n"
      "style test `style/spec_index` says so when it is out of date.\n\n"
      "## From clause to tests\n\n"
      "| clause | claim | standing | tests |\n"
      "| --- | --- | --- | --- |\n";
  const TestsByClause by_clause = GroupByClause(tests);
  for (const Clause& clause : clauses) {
    text += fmt::format("| [{}]({}) | {} | {} | {} |\n", clause.id, PageOf(clause.id), clause.title,
                        Name(clause.standing), TestsCell(clause, by_clause));
  }
  text +=
      "\n## From test to clauses\n\n"
      "| test | file | clauses |\n"
      "| --- | --- | --- |\n";
  std::vector<const ListedTest*> sorted;
  for (const ListedTest& test : tests) sorted.push_back(&test);
  std::ranges::sort(sorted, {}, &ListedTest::name);
  for (const ListedTest* test : sorted) {
    text += fmt::format("| `{}` | [{}](../../{}) | {} |\n", test->name, test->file, test->file,
                        fmt::join(test->clauses, ", "));
  }
  return text;
}

}  // namespace kct
