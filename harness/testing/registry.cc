// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace kct {
namespace {

std::vector<TestEntry>& Tests() {
  static std::vector<TestEntry> tests;
  return tests;
}

std::string_view KindName(TestKind kind) {
  constexpr std::array<std::string_view, 3> kNames{"abi", "race", "long"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string_view RepositoryPath(std::string_view file) {
  const std::size_t at = file.rfind("/tests/");
  return at == std::string_view::npos ? file : file.substr(at + 1);
}

std::string TestEntry::FullName() const { return fmt::format("{}.{}", fixture, name); }

const std::vector<TestEntry>& AllTests() { return Tests(); }

const TestEntry* FindTest(std::string_view fixture, std::string_view name) {
  for (const TestEntry& test : Tests()) {
    if (test.fixture == fixture && test.name == name) return &test;
  }
  return nullptr;
}

Registration::Registration(TestEntry entry) { Tests().push_back(std::move(entry)); }

Registration::Registration(const TestEntry& claim, const std::vector<TestSubject>& subjects) {
  for (const TestSubject& subject : subjects) {
    TestEntry test = claim;
    test.name += "/" + subject.name;
    test.needs.insert(test.needs.end(), subject.needs.begin(), subject.needs.end());
    for (const ClauseId& clause : subject.clauses) {
      const auto same = [&](const ClauseId& other) { return other.text() == clause.text(); };
      if (std::none_of(test.clauses.begin(), test.clauses.end(), same)) {
        test.clauses.push_back(clause);
      }
    }
    Tests().push_back(std::move(test));
  }
}

std::string ListAsJson(std::string_view suite) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const TestEntry& test : Tests()) {
    nlohmann::ordered_json clauses = nlohmann::ordered_json::array();
    for (const ClauseId& id : test.clauses) clauses.push_back(id.text());
    list.push_back({{"name", test.FullName()},
                    {"suite", suite},
                    {"kind", KindName(test.kind)},
                    {"file", RepositoryPath(test.file)},
                    {"line", test.line},
                    {"clauses", clauses},
                    {"paging", PagingMode(test.needs)}});
  }
  return list.dump(1);
}

namespace {

// The test in a VM that is kept up for all of them.
std::string InVm(const TestEntry& test, std::string_view suite, std::string_view runner) {
  const std::string name = fmt::format("{}/{}", suite, test.FullName());
  return fmt::format(
      "add_test([=[{0}]=] [=[{1}]=] session run [=[{2}]=])\n"
      "set_tests_properties([=[{0}]=] PROPERTIES LABELS [=[{3};{4};vm]=] SKIP_RETURN_CODE 77 "
      "TIMEOUT 240 FIXTURES_REQUIRED kct_vm RESOURCE_LOCK kct_vm)\n",
      name, runner, test.FullName(), suite, KindName(test.kind));
}

std::string OnModel(const TestEntry& test, std::string_view suite) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  return fmt::format(
      "add_test([=[model/{0}]=] [=[{1}]=] --target=model --judge [=[--gtest_filter={0}]=])\n"
      "set_tests_properties([=[model/{0}]=] PROPERTIES LABELS [=[{2};{3};model]=] "
      "SKIP_RETURN_CODE 77 TIMEOUT 120)\n",
      test.FullName(), program, suite, KindName(test.kind));
}

}  // namespace

std::string ListAsCTest(std::string_view suite, std::string_view runner) {
  std::string text;
  for (const TestEntry& test : Tests()) text += InVm(test, suite, runner) + OnModel(test, suite);
  return text;
}

}  // namespace kct
