// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/test_case.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ci/kernel/command.h"

namespace kct {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> kPagings{"tdp", "shadow", "any", "both"};

Result<TestCase> ParseTest(const json& entry) {
  try {
    TestCase test;
    test.name = entry.at("name").get<std::string>();
    test.suite = entry.at("suite").get<std::string>();
    test.kind = entry.at("kind").get<std::string>();
    test.file = entry.at("file").get<std::string>();
    test.line = entry.at("line").get<int>();
    test.clauses = entry.at("clauses").get<std::vector<std::string>>();
    test.paging = entry.at("paging").get<std::string>();
    if (std::find(kPagings.begin(), kPagings.end(), test.paging) == kPagings.end()) {
      return MakeError("{}: paging is '{}', not tdp, shadow, any or both", test.name, test.paging);
    }
    return test;
  } catch (const json::exception& bad) {
    return MakeError("{}", bad.what());
  }
}

}  // namespace

std::optional<Mode> ModeByName(std::string_view name) {
  const auto found = std::find(kModeNames.begin(), kModeNames.end(), name);
  if (found == kModeNames.end()) return std::nullopt;
  return static_cast<Mode>(found - kModeNames.begin());
}

bool ComparesModes(const TestCase& test) { return test.paging == "both"; }

bool BelongsTo(const TestCase& test, Mode mode) {
  if (mode == Mode::kShadow) return test.paging == "shadow" || test.paging == "any";
  if (mode == Mode::kNpt) return test.paging == "tdp" || test.paging == "any";
  return true;
}

Result<std::vector<TestCase>> ParseTestList(const std::filesystem::path& program,
                                            const std::string& text) {
  const json list = json::parse(text, nullptr, false);
  if (!list.is_array()) {
    return MakeError("{} --list-json: printed no JSON array", program.string());
  }
  std::vector<TestCase> tests;
  for (const json& entry : list) {
    Result<TestCase> test = ParseTest(entry);
    if (!test) return MakeError("{} --list-json: {}", program.string(), test.error().message);
    test->program = program;
    tests.push_back(std::move(test).value());
  }
  return tests;
}

Result<std::vector<TestCase>> ListTests(const std::vector<std::filesystem::path>& programs) {
  std::vector<TestCase> tests;
  for (const std::filesystem::path& program : programs) {
    Command list{.argv = {program.string(), "--list-json"}};
    list.timeout = 30s;
    KCT_TRY(const CommandOutput output, RunCommand(list));
    if (!output.ok()) {
      return MakeError("{} --list-json: {}", program.string(), output.Complaint());
    }
    KCT_TRY(std::vector<TestCase> some, ParseTestList(program, output.out));
    std::move(some.begin(), some.end(), std::back_inserter(tests));
  }
  return tests;
}

Result<std::vector<std::filesystem::path>> FindTestPrograms(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> programs;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::filesystem::path& path = entry.path();
    if (path.filename().string().ends_with("_test") && access(path.c_str(), X_OK) == 0) {
      programs.push_back(path);
    }
  }
  if (programs.empty()) return MakeError("{}: no test binaries (*_test) there", folder.string());
  std::sort(programs.begin(), programs.end());
  return programs;
}

}  // namespace kct
