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

using NamesByClause = std::map<std::string, std::set<std::string>, std::less<>>;

// Of tests, or of parts of the model.
template <typename Item>
NamesByClause GroupByClause(std::span<const Item> items) {
  NamesByClause by_clause;
  for (const Item& item : items) {
    for (const std::string& clause : item.clauses) by_clause[clause].insert(item.name);
  }
  return by_clause;
}

// "`A` `B`", or why there is none.
std::string NamesCell(const Clause& clause, const NamesByClause& names, std::string_view not_done,
                      std::string_view why) {
  const auto found = names.find(clause.id);
  if (found != names.end()) return fmt::format("`{}`", fmt::join(found->second, "` `"));
  return why.empty() ? "none" : fmt::format("{}: {}", not_done, why);
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
  const NamesByClause by_clause = GroupByClause(tests);
  for (const Clause& clause : clauses) {
    const auto found = by_clause.find(clause.id);
    if (found == by_clause.end() && clause.untested.empty()) {
      gaps.push_back(fmt::format("docs/spec/{}: {} has neither a test nor a field Untested",
                                 clause.page, clause.id));
    }
    if (found != by_clause.end() && !clause.untested.empty()) {
      gaps.push_back(fmt::format("docs/spec/{}: {} has a field Untested, but {} tests it",
                                 clause.page, clause.id, *found->second.begin()));
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

std::vector<std::string> FindModelGaps(std::span<const Clause> clauses,
                                       std::span<const ModelPart> model) {
  std::vector<std::string> gaps;
  const NamesByClause by_clause = GroupByClause(model);
  for (const Clause& clause : clauses) {
    const auto found = by_clause.find(clause.id);
    if (found != by_clause.end() && !clause.unmodelled.empty()) {
      gaps.push_back(fmt::format("docs/spec/{}: {} has a field Unmodelled, but {} decides it",
                                 clause.page, clause.id, *found->second.begin()));
    }
  }
  for (const ModelPart& part : model) {
    for (const std::string& id : part.clauses) {
      if (std::ranges::find(clauses, id, &Clause::id) == clauses.end()) {
        gaps.push_back(
            fmt::format("{}: {} names {}, which is no clause", part.file, part.name, id));
      }
    }
  }
  return gaps;
}

std::vector<std::string> FindOmissions(std::span<const Clause> clauses,
                                       std::span<const ModelPart> model) {
  std::vector<std::string> omissions;
  const NamesByClause by_clause = GroupByClause(model);
  for (const Clause& clause : clauses) {
    const std::string where = fmt::format("docs/spec/{}: {}", clause.page, clause.id);
    if (clause.doc.empty()) omissions.push_back(where + " has no field Doc");
    if (!by_clause.contains(clause.id) && clause.unmodelled.empty()) {
      omissions.push_back(where +
                          " is decided by no part of the model and has no field Unmodelled");
    }
  }
  return omissions;
}

std::string RenderIndex(std::span<const Clause> clauses, std::span<const ListedTest> tests,
                        std::span<const ModelPart> model) {
  std::string text =
      "# Clauses, tests and the model\n\n"
      "Generated from the clause pages, from what the test binaries list and from the sources of "
      "the\n"
      "model. How to refresh it: the style test `style/spec_index` says so when it is out of "
      "date.\n\n"
      "## From clause to tests and model\n\n"
      "| clause | claim | standing | tests | model |\n"
      "| --- | --- | --- | --- | --- |\n";
  const NamesByClause shown_by = GroupByClause(tests);
  const NamesByClause decided_by = GroupByClause(model);
  for (const Clause& clause : clauses) {
    text += fmt::format("| [{}]({}) | {} | {} | {} | {} |\n", clause.id, clause.page, clause.title,
                        Name(clause.standing),
                        NamesCell(clause, shown_by, "not tested", clause.untested),
                        NamesCell(clause, decided_by, "not modelled", clause.unmodelled));
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
  text +=
      "\n## From model to clauses\n\n"
      "Functions and constants that make the model's choices, and checks of arguments by name.\n\n"
      "| part of the model | file | clauses |\n"
      "| --- | --- | --- |\n";
  for (const ModelPart& part : model) {
    text += fmt::format("| `{}` | [{}](../../{}) | {} |\n", part.name, part.file, part.file,
                        fmt::join(part.clauses, ", "));
  }
  return text;
}

}  // namespace kct
