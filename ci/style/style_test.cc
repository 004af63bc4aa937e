// SPDX-License-Identifier: GPL-2.0-only
// The executable part of the house style. Each rule has a test that it finds its bad examples and
// leaves the good ones alone, and a test that the repository keeps it.
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "ci/style/rule.h"
#include "ci/style/source_file.h"

namespace kct::style {
namespace {

namespace fs = std::filesystem;

std::vector<Rule> AllRules() {
  auto rules = TextRules();
  for (Rule& rule : IncludeRules()) rules.push_back(std::move(rule));
  return rules;
}

const std::vector<SourceFile>& Repository() {
  static const std::vector<SourceFile> files = ReadSourceTree(KCT_SOURCE_DIR);
  return files;
}

class StyleRule : public testing::TestWithParam<Rule> {};

TEST_P(StyleRule, FindsItsBadExamples) {
  ASSERT_FALSE(GetParam().trips.empty());
  for (const Example& example : GetParam().trips) {
    EXPECT_FALSE(GetParam().check(MakeSourceFile(example.path, example.text)).empty())
        << example.path << ":\n"
        << example.text;
  }
}

TEST_P(StyleRule, LeavesItsGoodExamplesAlone) {
  ASSERT_FALSE(GetParam().passes.empty());
  for (const Example& example : GetParam().passes) {
    for (const Finding& finding : GetParam().check(MakeSourceFile(example.path, example.text))) {
      ADD_FAILURE() << example.path << ": " << finding.detail;
    }
  }
}

TEST_P(StyleRule, IsKeptByTheRepository) {
  ASSERT_GT(Repository().size(), 20u) << "the repository was not found at " << KCT_SOURCE_DIR;
  for (const SourceFile& file : Repository()) {
    for (const Finding& finding : GetParam().check(file)) {
      ADD_FAILURE() << file.path << ":" << finding.line << ": " << finding.detail << "\n  "
                    << GetParam().message;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, StyleRule, testing::ValuesIn(AllRules()),
                         [](const testing::TestParamInfo<Rule>& rule) {
                           std::string name = rule.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// The targets of relative links in Markdown, without the anchor.
std::vector<std::string> RelativeLinks(const std::string& text) {
  static const std::regex link(R"(\]\(([^)\s#]+)(#[^)]*)?\))");
  std::vector<std::string> targets;
  for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it) {
    const std::string target = (*it)[1];
    if (target.find(':') == std::string::npos) targets.push_back(target);
  }
  return targets;
}

TEST(Links, AreFoundWhereTheyAreRelative) {
  EXPECT_EQ(RelativeLinks("[a](docs/x.md#y) [b](https://kernel.org) [c](#here) ![d](e.png)"),
            (std::vector<std::string>{"docs/x.md", "e.png"}));
}

TEST(Links, LeadToFilesThatExist) {
  for (const SourceFile& file : Repository()) {
    if (!file.EndsWith(".md")) continue;
    for (const std::string& target : RelativeLinks(file.text)) {
      const fs::path path = (fs::path(KCT_SOURCE_DIR) / file.path).parent_path() / target;
      EXPECT_TRUE(fs::exists(path)) << file.path << ": dead link: " << target;
    }
  }
}

TEST(BlankCommentsAndLiterals, KeepsCodeAndLineNumbers) {
  EXPECT_EQ(BlankCommentsAndLiterals("a // b\nc /* d\ne */ f"), "a     \nc     \n     f");
  EXPECT_EQ(BlankCommentsAndLiterals(R"(x("a\"b", 'c', 1'000))"), R"(x(      ,    , 1'000))");
  EXPECT_EQ(BlankCommentsAndLiterals("R\"y(a \" )\" b)y\" c"), "                c");
  EXPECT_EQ(BlankCommentsAndLiterals("\"never closed\nint x;"), "             \nint x;");
}

}  // namespace

void PrintTo(const Rule& rule, std::ostream* stream) { *stream << rule.name; }

}  // namespace kct::style
