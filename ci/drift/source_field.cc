// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/source_field.h"

#include <regex>

namespace kct {
namespace {

std::string WithoutParentheses(std::string_view text) {
  std::string kept;
  int depth = 0;
  for (char c : text) {
    if (c == '(') ++depth;
    if (depth == 0) kept += c;
    if (c == ')') --depth;
  }
  return kept;
}

}  // namespace

std::vector<SourceName> ParseSourceField(std::string_view source) {
  static const std::regex separator("[;,] *");
  static const std::regex in_file(R"(([\w./-]+\.[chS])(?::(\w+))?(?:\W.*)?)");
  static const std::regex bare(R"((_*[a-z][a-z0-9]*_[a-z0-9_]+)(?:\W.*)?)");
  const std::string text = WithoutParentheses(source);
  std::vector<SourceName> names;
  std::string file = "virt/kvm/kvm_main.c";
  for (std::sregex_token_iterator it(text.begin(), text.end(), separator, -1), end; it != end;
       ++it) {
    const std::string item = *it;
    std::smatch match;
    if (std::regex_match(item, match, in_file)) {
      file = match[1];
      names.push_back({file, match[2]});
    } else if (std::regex_match(item, match, bare)) {
      names.push_back({file, match[1]});
    }
  }
  return names;
}

}  // namespace kct
