// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/filter.h"

#include <algorithm>

namespace kct {
namespace {

constexpr std::string_view kAllowed =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./*?:-";

Result<std::vector<std::string>> Patterns(std::string_view list, std::string_view whole) {
  std::vector<std::string> patterns;
  for (;;) {
    const std::size_t colon = list.find(':');
    const std::string_view pattern = list.substr(0, colon);
    if (pattern.empty()) return MakeError("--filter: '{}' has an empty pattern", whole);
    patterns.emplace_back(pattern);
    if (colon == std::string_view::npos) return patterns;
    list.remove_prefix(colon + 1);
  }
}

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return MatchesPattern(pattern.substr(1), name) ||
           (!name.empty() && MatchesPattern(pattern, name.substr(1)));
  }
  if (name.empty() || (pattern[0] != '?' && pattern[0] != name[0])) return false;
  return MatchesPattern(pattern.substr(1), name.substr(1));
}

Result<Filter> Filter::Parse(std::string_view text) {
  const std::size_t odd = text.find_first_not_of(kAllowed);
  if (odd != std::string_view::npos) {
    return MakeError("--filter: '{}' has a '{}', which no test name has", text, text[odd]);
  }
  if (std::count(text.begin(), text.end(), '-') > 1) {
    return MakeError("--filter: '{}' has more than one '-'", text);
  }
  Filter filter;
  const std::size_t minus = text.find('-');
  const std::string_view wanted = minus == 0 ? "*" : text.substr(0, minus);
  KCT_TRY(filter.wanted_, Patterns(wanted, text));
  if (minus != std::string_view::npos) {
    KCT_TRY(filter.unwanted_, Patterns(text.substr(minus + 1), text));
  }
  return filter;
}

bool Filter::Matches(std::string_view name) const {
  const auto matches = [&](const std::string& pattern) { return MatchesPattern(pattern, name); };
  return std::any_of(wanted_.begin(), wanted_.end(), matches) &&
         std::none_of(unwanted_.begin(), unwanted_.end(), matches);
}

}  // namespace kct
