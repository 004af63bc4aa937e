// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/known.h"

#include <regex>
#include <sstream>

namespace kct {

Result<std::vector<KnownDrift>> ParseKnownDrift(std::string_view name, std::string_view text) {
  static const std::regex blank(R"(\s*(#.*)?)");
  static const std::regex shape(R"(\s*([^|]*[^|\s])\s*\|\s*([^|]*[^|\s])\s*\|\s*([^|]*[^|\s])\s*)");
  std::vector<KnownDrift> known;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (std::regex_match(line, blank)) continue;
    std::smatch match;
    if (!std::regex_match(line, match, shape)) {
      return MakeError("{}:{}: expected SUBJECT | HOW THE FINDING BEGINS | REASON", name, number);
    }
    known.push_back({match[1], match[2], match[3]});
  }
  return known;
}

const KnownDrift* FindKnown(std::span<const KnownDrift> known, const Drift& drift) {
  for (const KnownDrift& one : known) {
    if (one.subject == drift.subject && (drift.text + ' ').starts_with(one.begins + ' ')) {
      return &one;
    }
  }
  return nullptr;
}

}  // namespace kct
