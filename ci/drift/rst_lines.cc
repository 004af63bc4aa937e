// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/rst_lines.h"

#include <algorithm>
#include <regex>

namespace kct {
namespace {

constexpr size_t kTab = 8;
constexpr size_t kShortestUnderline = 3;

std::string ExpandTabs(std::string_view line) {
  std::string expanded;
  for (char c : line) {
    if (c != '\t') {
      expanded += c;
    } else {
      expanded.append(kTab - expanded.size() % kTab, ' ');
    }
  }
  expanded.erase(expanded.find_last_not_of(" \r") + 1);
  return expanded;
}

bool IsSimpleBorder(const std::string& line) {
  static const std::regex border(" *=+(?: +=+)+");
  return std::regex_match(line, border);
}

bool IsGridBorder(const std::string& line) {
  static const std::regex border(R"( *\+(?:[-=]+\+)+)");
  return std::regex_match(line, border);
}

std::string_view Cell(std::string_view line, size_t begin, size_t end) {
  return begin < line.size() ? line.substr(begin, end - begin) : std::string_view();
}

// A row while its lines come in.
class Row {
 public:
  void Add(std::string_view key, std::string_view rest) {
    key_ += ' ';
    key_ += key;
    rest_ += ' ';
    rest_ += rest;
  }
  void MoveTo(std::vector<Sentence>& rows) {
    if (!IsBlank(key_) || !IsBlank(rest_)) {
      rows.push_back(KeyedSentence(key_, rest_));
      rows.back().is_row = true;
    }
    *this = {};
  }

 private:
  std::string key_;
  std::string rest_;
};

// The bottom border is the one with an empty line, or nothing, below.
Table SimpleTable(std::span<const std::string> lines) {
  const std::string& border = lines.front();
  size_t last = 1;
  while (last < lines.size() &&
         !(IsSimpleBorder(lines[last]) && (last + 1 == lines.size() || IsBlank(lines[last + 1])))) {
    ++last;
  }
  if (last == lines.size()) return {};
  const size_t first_column = border.find('=');
  const size_t second_column = border.find('=', border.find(' ', first_column));
  Table table{.lines = last + 1};
  Row row;
  for (const std::string& line : lines.subspan(1, last - 1)) {
    if (IsSimpleBorder(line)) continue;
    const std::string_view key = Cell(line, first_column, second_column);
    if (!IsBlank(key)) row.MoveTo(table.rows);
    row.Add(key, Cell(line, second_column, line.npos));
  }
  row.MoveTo(table.rows);
  return table;
}

Table GridTable(std::span<const std::string> lines) {
  Table table;
  Row row;
  for (const std::string& line : lines) {
    if (!IsGridBorder(line) && line.find('|') == line.npos) break;
    ++table.lines;
    if (IsGridBorder(line)) {
      row.MoveTo(table.rows);
      continue;
    }
    const size_t first = line.find('|') + 1;
    const size_t second = std::min(line.find('|', first), line.size());
    std::string rest(Cell(line, second, line.npos));
    std::ranges::replace(rest, '|', ' ');
    row.Add(Cell(line, first, second), rest);
  }
  return table;
}

}  // namespace

std::vector<std::string> RstLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(ExpandTabs(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool IsBlank(std::string_view line) { return line.find_first_not_of(' ') == line.npos; }

size_t IndentOf(std::string_view line) { return line.find_first_not_of(' '); }

bool IsUnderline(std::string_view line) {
  return line.size() >= kShortestUnderline &&
         std::string_view("=-~^\"'*+#.:_").find(line[0]) != std::string_view::npos &&
         line.find_first_not_of(line[0]) == line.npos;
}

std::optional<Field> FieldOf(std::string_view line) {
  static const std::regex field(" *:([A-Za-z][A-Za-z -]*):(?: +(.*))?");
  std::cmatch match;
  if (!std::regex_match(line.data(), line.data() + line.size(), match, field)) return std::nullopt;
  return Field{match[1], match[2]};
}

std::optional<size_t> ItemTextOf(std::string_view line) {
  static const std::regex item(R"(( *(?:[-*]|[0-9]+[.)]|\(?[a-z]\)) +)\S.*)");
  std::cmatch match;
  if (!std::regex_match(line.data(), line.data() + line.size(), match, item)) return std::nullopt;
  return static_cast<size_t>(match.length(1));
}

Table TableAt(std::span<const std::string> lines) {
  if (IsSimpleBorder(lines.front())) return SimpleTable(lines);
  if (IsGridBorder(lines.front())) return GridTable(lines);
  return {};
}

}  // namespace kct
