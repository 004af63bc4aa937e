// SPDX-License-Identifier: GPL-2.0-only
// spec_index: holds the clause table against what the test binaries list.
//
//   spec_index check --index docs/spec/index.md --refresh "COMMAND" prefault.json memslot.json
//   spec_index write --index docs/spec/index.md prefault.json memslot.json
//
// check fails if a clause or a test has a gap (ci/spec/index.h) or the index is not what write
// would make of it; each reason is one line. write writes the index even where there are gaps.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iterator>

#include "ci/spec/files.h"
#include "ci/spec/index.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

struct Options {
  std::string index;
  std::string refresh;
  std::vector<std::string> lists;
};

Result<std::vector<ListedTest>> ReadLists(const Options& options) {
  std::vector<ListedTest> tests;
  for (const std::string& list : options.lists) {
    KCT_TRY(const std::string json, ReadFile(list));
    KCT_TRY(std::vector<ListedTest> listed, ParseTestList(list, json));
    std::ranges::move(listed, std::back_inserter(tests));
  }
  return tests;
}

Status Write(const Options& options) {
  KCT_TRY(const std::vector<ListedTest> tests, ReadLists(options));
  return WriteFileIfChanged(options.index, RenderIndex(AllClauses(), tests));
}

// What is wrong, a line each.
Result<std::vector<std::string>> Check(const Options& options) {
  KCT_TRY(const std::vector<ListedTest> tests, ReadLists(options));
  std::vector<std::string> problems = FindGaps(AllClauses(), tests);
  std::string index;
  if (std::filesystem::exists(options.index)) {
    KCT_TRY(index, ReadFile(options.index));
  }
  if (index != RenderIndex(AllClauses(), tests)) {
    problems.push_back(
        fmt::format("{}: out of date; refresh it with: {}", options.index, options.refresh));
  }
  return problems;
}

int Fail(const Error& error) {
  fmt::print(stderr, "{}\n", error.message);
  return 1;
}

int RunCheck(const Options& options) {
  Result<std::vector<std::string>> problems = Check(options);
  if (!problems) return Fail(problems.error());
  for (const std::string& problem : *problems) fmt::print(stderr, "{}\n", problem);
  return problems->empty() ? 0 : 1;
}

int RunWrite(const Options& options) {
  const Status status = Write(options);
  return status ? 0 : Fail(status.error());
}

}  // namespace
}  // namespace kct

int main(int argc, char** argv) {
  CLI::App app("Holds the clauses of docs/spec against the tests");
  app.require_subcommand(1);
  kct::Options options;
  CLI::App* check = app.add_subcommand("check", "Fail if clauses, tests and index disagree");
  CLI::App* write = app.add_subcommand("write", "Write the index");
  check->add_option("--refresh", options.refresh, "The command to name when it is out of date")
      ->required();
  for (CLI::App* command : {check, write}) {
    command->add_option("--index", options.index, "docs/spec/index.md")->required();
    command->add_option("lists", options.lists, "Output of --list-json of each test binary");
  }
  CLI11_PARSE(app, argc, argv);
  return check->parsed() ? kct::RunCheck(options) : kct::RunWrite(options);
}
