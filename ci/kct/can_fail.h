// SPDX-License-Identifier: GPL-2.0-only
// The lists tests/SUITE/can_fail.txt: for each test the lie that it must not survive
// (docs/design/can-fail.md).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ci/kct/test_case.h"

namespace kct {

// Test name -> name of a lie.
using CanFail = std::map<std::string, std::string>;

// The lines of one list: "SUITE.NAME  LIE", "# comment". A line is about SUITE.NAME/THING as well,
// for every thing. `where` names it in errors. Error: a
// malformed line, or a second one for a test.
Result<CanFail> ParseCanFail(const std::string& where, const std::string& text);

// All files SUITE.can_fail.txt of a folder.
Result<CanFail> ReadCanFail(const std::filesystem::path& folder);

// The lie for a test; empty: there is none.
std::string LieFor(const CanFail& can_fail, const std::string& test);

// Error: a test without a lie, or a lie for a test that does not exist.
Status CheckComplete(const CanFail& can_fail, const std::vector<TestCase>& tests);

}  // namespace kct
