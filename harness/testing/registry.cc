// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/registry.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace kct {
namespace {

std::vector<TestEntry>& Tests() {
  static std::vector<TestEntry> tests;
  return tests;
}

std::string_view KindName(TestKind kind) { return kind == TestKind::kRace ? "race" : "abi"; }

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

std::string ListAsCTest(std::string_view suite, std::string_view runner) {
  std::string text;
  for (const TestEntry& test : Tests()) {
    const std::string name = fmt::format("{}/{}", suite, test.FullName());
    text += fmt::format("add_test([=[{}]=] [=[{}]=] session run [=[{}]=])\n", name, runner,
                        test.FullName());
    text += fmt::format(
        "set_tests_properties([=[{}]=] PROPERTIES LABELS [=[{};{};vm]=] SKIP_RETURN_CODE 77 "
        "TIMEOUT 240 FIXTURES_REQUIRED kct_vm RESOURCE_LOCK kct_vm)\n",
        name, suite, KindName(test.kind));
  }
  return text;
}

}  // namespace kct
