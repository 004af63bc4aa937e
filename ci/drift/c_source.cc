// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/c_source.h"

#include <algorithm>
#include <array>
#include <regex>

#include "harness/base/errno.h"

namespace kct {
namespace {

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool IsSpace(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// Where the comment or literal that starts at `at` ends; `at` itself if none starts there.
size_t EndOfBlank(std::string_view text, size_t at) {
  const auto behind = [&](std::string_view mark, size_t from) {
    const size_t found = text.find(mark, from);
    return found == text.npos ? text.size() : found + mark.size();
  };
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("//")) return std::min(text.find('\n', at), text.size());
  if (rest.starts_with("/*")) return behind("*/", at + 2);
  if (rest[0] != '"' && rest[0] != '\'') return at;
  size_t end = at + 1;
  while (end < text.size() && text[end] != rest[0] && text[end] != '\n') {
    end += text[end] == '\\' ? 2 : 1;
  }
  return std::min(end + 1, text.size());
}

// The next place where `name` stands as a whole word.
size_t FindWord(std::string_view text, std::string_view name, size_t from) {
  for (size_t at = text.find(name, from); at != text.npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    const bool begins = at == 0 || !IsWord(text[at - 1]);
    if (begins && (end == text.size() || !IsWord(text[end]))) return at;
  }
  return text.npos;
}

size_t SkipSpace(std::string_view text, size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  return at;
}

// Behind the bracket that closes the one at `at`; npos if none does.
size_t BehindBrackets(std::string_view text, size_t at) {
  const char open = text[at];
  const char close = open == '(' ? ')' : '}';
  int depth = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == open) ++depth;
    if (text[at] == close && --depth == 0) return at + 1;
  }
  return text.npos;
}

// Behind attributes such as __must_hold(x).
size_t SkipAttributes(std::string_view text, size_t at) {
  at = SkipSpace(text, at);
  while (at < text.size() && IsWord(text[at])) {
    while (at < text.size() && IsWord(text[at])) ++at;
    at = SkipSpace(text, at);
    if (at < text.size() && text[at] == '(') {
      at = SkipSpace(text, std::min(BehindBrackets(text, at), text.size()));
    }
  }
  return at;
}

std::string_view LineUpTo(std::string_view text, size_t at) {
  const size_t before = text.rfind('\n', at);
  const size_t begin = before == text.npos || at == 0 ? 0 : before + 1;
  return text.substr(begin, at - begin);
}

// Of the definition whose name stands at `at`: where its body begins; npos: no function is defined
// here. The kernel's style has the name, or what is before it, in the first column.
size_t BodyAt(std::string_view source, size_t at, std::string_view name) {
  const std::string_view line = LineUpTo(source, at);
  if (!line.empty() && (IsSpace(line[0]) || line[0] == '#')) return source.npos;
  const size_t parameters = SkipSpace(source, at + name.size());
  if (parameters >= source.size() || source[parameters] != '(') return source.npos;
  const size_t behind = BehindBrackets(source, parameters);
  if (behind == source.npos) return source.npos;
  const size_t body = SkipAttributes(source, behind);
  return body < source.size() && source[body] == '{' ? body : source.npos;
}

// Known errnos among the matches of `pattern`, whose first group is the name. `counts` sees what
// stands before a match.
template <typename Counts>
std::set<std::string> Errnos(std::string_view text, const std::regex& pattern, Counts counts) {
  std::set<std::string> errnos;
  for (std::cregex_iterator it(text.data(), text.data() + text.size(), pattern), end; it != end;
       ++it) {
    const std::string name = (*it)[1];
    const std::string_view before = text.substr(0, static_cast<size_t>(it->position()));
    if (ErrnoByName(name) && counts(before)) errnos.insert(name);
  }
  return errnos;
}

// What stands before an operand of == and its like, or before a case label.
bool EndsInComparison(std::string_view before) {
  while (before.ends_with(' ')) before.remove_suffix(1);
  static constexpr std::array<std::string_view, 7> kEnds{"==", "!=", "<=", ">=", "<", ">", "case"};
  return std::ranges::any_of(kEnds, [&](std::string_view end) { return before.ends_with(end); });
}

}  // namespace

std::string BlankComments(std::string_view source) {
  std::string code(source);
  for (size_t at = 0; at < source.size();) {
    const size_t end = EndOfBlank(source, at);
    std::replace_if(
        code.begin() + static_cast<ptrdiff_t>(at), code.begin() + static_cast<ptrdiff_t>(end),
        [](char c) { return c != '\n'; }, ' ');
    at = std::max(end, at + 1);
  }
  return code;
}

std::vector<std::string> BodiesOf(std::string_view source, std::string_view function) {
  std::vector<std::string> bodies;
  for (size_t at = FindWord(source, function, 0); at != source.npos;
       at = FindWord(source, function, at + 1)) {
    const size_t body = BodyAt(source, at, function);
    if (body == source.npos) continue;
    const size_t end = std::min(BehindBrackets(source, body), source.size());
    bodies.emplace_back(source.substr(body, end - body));
  }
  return bodies;
}

bool Defines(std::string_view source, std::string_view name) {
  if (!BodiesOf(source, name).empty()) return true;
  const std::string word(name);
  // In this order: a macro, a type, an object, an enumerator.
  const std::regex other("#[ \t]*define[ \t]+" + word + "\\b.*|.*\\b(struct|union|enum)[ \t]+" +
                         word + "[ \t]*\\{?|\\w.*\\b" + word + "(\\[.*\\])?[ \t]*=.*|[ \t]+" +
                         word + "[ \t]*([=,].*)?");
  for (size_t at = FindWord(source, name, 0); at != source.npos;
       at = FindWord(source, name, at + 1)) {
    const size_t end = std::min(source.find('\n', at), source.size());
    const std::string_view before = LineUpTo(source, at);
    const std::string line(source.substr(at - before.size(), end - at + before.size()));
    if (std::regex_match(line, other)) return true;
  }
  return false;
}

std::string OnlyCase(std::string_view body, std::string_view ioctl) {
  const size_t label = body.find("case " + std::string(ioctl) + ":");
  const size_t head = label == body.npos ? body.npos : body.rfind("switch", label);
  const size_t open = head == body.npos ? body.npos : body.find('{', head);
  if (open == body.npos) return std::string(body);
  const size_t close = std::min(BehindBrackets(body, open), body.size());

  // Labels that share the statements of this one follow it at once; any later one of the same
  // column ends it.
  const std::string indent(LineUpTo(body, label));
  std::string kept(body.substr(0, head));
  bool statements = false;
  for (size_t at = label - indent.size(); at < close;) {
    const size_t end = std::min(body.find('\n', at), close - 1) + 1;
    const std::string_view line = body.substr(at, end - at);
    const bool is_label =
        line.starts_with(indent + "case ") || line.starts_with(indent + "default:");
    if (is_label && statements) break;
    const std::string_view rest = is_label ? line.substr(line.find(':') + 1) : line;
    statements = statements || !std::ranges::all_of(rest, IsSpace);
    kept += line;
    at = end;
  }
  kept += body.substr(close);
  return kept;
}

std::set<std::string> ErrnosIn(std::string_view body) {
  static const std::regex negative(R"(-\s*(E[A-Z][A-Z0-9]+)\b)");
  return Errnos(body, negative, [](std::string_view before) { return !EndsInComparison(before); });
}

std::set<std::string> ErrnosNamedBy(std::string_view text) {
  static const std::regex name(R"(\b(E[A-Z][A-Z0-9]+)\b)");
  return Errnos(text, name, [](std::string_view) { return true; });
}

}  // namespace kct
