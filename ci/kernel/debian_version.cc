// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/debian_version.h"

#include <algorithm>

namespace kct {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// '~' sorts before the end of the text, letters before everything else.
int Rank(char c) {
  if (c == '~') return -1;
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter ? c : c + 256;
}

int RankOfFront(std::string_view text) {
  return text.empty() || IsDigit(text.front()) ? 0 : Rank(text.front());
}

// Takes the digits off the front, without leading zeros: longer is larger, then as text.
std::string_view TakeDigits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), IsDigit);
  std::string_view digits = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

// Alternates between a part without digits and a number until they differ.
std::strong_ordering CompareParts(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    while (RankOfFront(a) != 0 || RankOfFront(b) != 0) {
      const auto order = RankOfFront(a) <=> RankOfFront(b);
      if (order != 0) return order;
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
    const std::string_view x = TakeDigits(a);
    const std::string_view y = TakeDigits(b);
    if (const auto order = x.size() <=> y.size(); order != 0) return order;
    if (const auto order = x.compare(y) <=> 0; order != 0) return order;
  }
  return std::strong_ordering::equal;
}

}  // namespace

std::string_view UpstreamPart(std::string_view version) {
  return version.substr(0, version.rfind('-'));
}

std::strong_ordering CompareDebianVersions(std::string_view a, std::string_view b) {
  const std::string_view x = UpstreamPart(a);
  const std::string_view y = UpstreamPart(b);
  if (const auto order = CompareParts(x, y); order != 0) return order;
  return CompareParts(a.substr(x.size()), b.substr(y.size()));
}

}  // namespace kct
