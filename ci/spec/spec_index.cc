// SPDX-License-Identifier: GPL-2.0-only
// spec_index: holds the clause table against what the test binaries list and what the model's
// sources name.
//
//   spec_index check --root . --model harness/model --refresh "COMMAND" prefault.json memslot.json
//   spec_index write --root . --model harness/model prefault.json memslot.json
//
// check fails if a clause, a test or a part of the model has a gap (ci/spec/index.h) or one of the
// pages docs/spec/index.md and answers.md is not what write would make of it; each reason is one
// line. With --complete a clause without Doc, or one that the model neither decides nor excuses, is
// a reason too. write writes the pages even where there are gaps.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iterator>
#include <map>

#include "ci/spec/answers.h"
#include "ci/spec/files.h"
#include "ci/spec/index.h"
#include "harness/model/checks.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

struct Options {
  std::filesystem::path root;
  std::vector<std::string> model;  // folders below root
  enum class Clauses { kMayBeIncomplete, kAreComplete };
  Clauses clauses = Clauses::kMayBeIncomplete;
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

// Tables of planted bugs and of checks name clauses, and decide none by that.
bool IsTable(const std::filesystem::path& file) {
  const std::string name = file.filename();
  return name.starts_with("bugs") || name.starts_with("checks");
}

// The model's sources by path, as the pages name it.
using Sources = std::map<std::string, std::string>;

Result<Sources> ReadModel(const Options& options) {
  Sources sources;
  for (const std::string& folder : options.model) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(options.root / folder, error)) {
      const std::string file = entry.path().filename();
      if (!file.ends_with(".cc") || file.ends_with("_test.cc")) continue;
      KCT_TRY(sources[folder + "/" + file], ReadFile(entry.path()));
    }
    if (error) return MakeError("{}: {}", (options.root / folder).string(), error.message());
  }
  return sources;
}

Result<std::vector<ModelPart>> PartsOfModel(const Options& options) {
  KCT_TRY(const Sources sources, ReadModel(options));
  ClauseOfBug bugs;
  for (const auto& [file, text] : sources) bugs.merge(ScanBugs(text));
  std::vector<ModelPart> parts;
  for (const auto& [file, text] : sources) {
    if (!IsTable(file)) std::ranges::move(ScanModel(file, text, bugs), std::back_inserter(parts));
  }
  for (const model::Check& check : model::AllChecks()) {
    const auto table = std::ranges::find_if(sources, [&](const auto& source) {
      return IsTable(source.first) &&
             source.second.find(fmt::format("\"{}\"", check.name)) != std::string::npos;
    });
    if (table == sources.end()) return MakeError("no table has the check {}", check.name);
    parts.push_back({std::string(check.name), table->first, {std::string(check.clause.text())}});
  }
  return parts;
}

// What is generated, and what is wrong with what it was generated from.
struct Generated {
  std::map<std::string, std::string> pages;  // by name: "docs/spec/index.md"
  std::vector<std::string> gaps;             // a line each
};

Result<Generated> Generate(const Options& options) {
  KCT_TRY(const std::vector<ListedTest> tests, ReadLists(options));
  KCT_TRY(const std::vector<ModelPart> model, PartsOfModel(options));
  Generated generated;
  generated.pages["docs/spec/index.md"] = RenderIndex(AllClauses(), tests, model);
  generated.pages["docs/spec/answers.md"] = RenderAnswers(AllClauses());
  generated.gaps = FindGaps(AllClauses(), tests);
  std::ranges::move(FindModelGaps(AllClauses(), model), std::back_inserter(generated.gaps));
  if (options.clauses == Options::Clauses::kAreComplete) {
    std::ranges::move(FindOmissions(AllClauses(), model), std::back_inserter(generated.gaps));
  }
  return generated;
}

Status Write(const Options& options) {
  KCT_TRY(const Generated generated, Generate(options));
  for (const auto& [page, text] : generated.pages) {
    KCT_TRY_STATUS(WriteFileIfChanged(options.root / page, text));
  }
  return {};
}

// What is wrong, a line each.
Result<std::vector<std::string>> Check(const Options& options) {
  KCT_TRY(const Generated generated, Generate(options));
  std::vector<std::string> problems = generated.gaps;
  for (const auto& [page, text] : generated.pages) {
    std::string found;
    if (std::filesystem::exists(options.root / page)) {
      KCT_TRY(found, ReadFile(options.root / page));
    }
    if (found != text) {
      problems.push_back(
          fmt::format("{}: out of date; refresh it with: {}", page, options.refresh));
    }
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
  CLI::App app("Holds the clauses of docs/spec against tests and model");
  app.require_subcommand(1);
  kct::Options options;
  CLI::App* check = app.add_subcommand("check", "Fail if clauses, tests, model and pages disagree");
  CLI::App* write = app.add_subcommand("write", "Write the pages");
  check->add_option("--refresh", options.refresh, "The command to name when it is out of date")
      ->required();
  check->add_flag_callback(
      "--complete", [&] { options.clauses = kct::Options::Clauses::kAreComplete; },
      "Each clause has a Doc, and a part of the model that decides it or a reason why not");
  for (CLI::App* command : {check, write}) {
    command->add_option("--root", options.root, "Folder of the sources of kct")->required();
    command->add_option("--model", options.model, "Folder of the model, below root; repeatable")
        ->required()
        ->allow_extra_args(false);
    command->add_option("lists", options.lists, "Output of --list-json of each test binary");
  }
  CLI11_PARSE(app, argc, argv);
  return check->parsed() ? kct::RunCheck(options) : kct::RunWrite(options);
}
