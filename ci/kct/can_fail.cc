// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/can_fail.h"

#include <algorithm>
#include <sstream>

#include "ci/vm/files.h"

namespace kct {

Result<CanFail> ParseCanFail(const std::string& where, const std::string& text) {
  CanFail can_fail;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string test, lie, more;
    if (!(words >> test) || test.starts_with('#')) continue;
    if (!(words >> lie) || words >> more) {
      return MakeError("{}:{}: expected SUITE.NAME and the name of a lie", where, number);
    }
    if (!can_fail.emplace(test, lie).second) {
      return MakeError("{}:{}: a second line for {}", where, number, test);
    }
  }
  return can_fail;
}

Result<CanFail> ReadCanFail(const std::filesystem::path& folder) {
  constexpr std::string_view kSuffix = ".can_fail.txt";
  CanFail can_fail;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().ends_with(kSuffix)) continue;
    KCT_TRY(const std::string text, ReadFile(entry.path()));
    KCT_TRY(CanFail list, ParseCanFail(entry.path().string(), text));
    can_fail.merge(list);  // a test belongs to one suite
  }
  if (error) return MakeError("{}: {}", folder.string(), error.message());
  return can_fail;
}

std::string LieFor(const CanFail& can_fail, const std::string& test) {
  const auto found = can_fail.find(test.substr(0, test.find('/')));
  return found == can_fail.end() ? "" : found->second;
}

Status CheckComplete(const CanFail& can_fail, const std::vector<TestCase>& tests) {
  for (const TestCase& test : tests) {
    if (LieFor(can_fail, test.name).empty()) {
      return MakeError("{}: no lie for it in tests/{}/can_fail.txt", test.name, test.suite);
    }
  }
  for (const auto& [name, lie] : can_fail) {
    const bool exists = std::any_of(tests.begin(), tests.end(), [&](const TestCase& test) {
      return test.name.substr(0, test.name.find('/')) == name;
    });
    if (!exists) return MakeError("can_fail.txt names {}, which is no test", name);
  }
  return {};
}

}  // namespace kct
