// SPDX-License-Identifier: GPL-2.0-only
// Lines of reStructuredText, and what one sees from a line alone; and tables, which are read by
// columns.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ci/drift/sentence.h"

namespace kct {

// The lines of a text, tabs expanded to multiples of 8, nothing at the end of a line.
std::vector<std::string> RstLines(std::string_view text);

bool IsBlank(std::string_view line);
// REQUIRES: !IsBlank(line)
size_t IndentOf(std::string_view line);
// "=====": what stands below a title, and perhaps above.
bool IsUnderline(std::string_view line);

// ":Returns: 0 or -1"
struct Field {
  std::string key;
  std::string rest;
};
std::optional<Field> FieldOf(std::string_view line);

// Where the text of "- text" or "2. text" begins; nullopt: it is no item of a list.
std::optional<size_t> ItemTextOf(std::string_view line);

struct Table {
  std::vector<Sentence> rows;
  size_t lines = 0;  // how many it takes; 0: no table begins here
};

// The table that begins at the first line: "==== ====" or "+---+---+".
Table TableAt(std::span<const std::string> lines);

}  // namespace kct
