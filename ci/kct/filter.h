// SPDX-License-Identifier: GPL-2.0-only
// Filter: which tests to run, in GoogleTest's syntax: patterns with * and ?, separated by ":",
// and after a "-" the patterns to leave out. "Prefault*:Memslot.Moves*-*Race*"
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace kct {

class Filter {
 public:
  static Result<Filter> Parse(std::string_view text);
  bool Matches(std::string_view name) const;

 private:
  std::vector<std::string> wanted_;
  std::vector<std::string> unwanted_;
};

// Whether the whole of `name` matches one pattern of * and ?.
bool MatchesPattern(std::string_view pattern, std::string_view name);

}  // namespace kct
