// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/doc_field.h"

#include <regex>

namespace kct {
namespace {

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// `before`: the entry to its left, whose section counts where this one names none.
Result<DocEntry> ParseEntry(const std::string& text, const DocEntry* before) {
  static const std::regex shape(
      R"re((?:(\S+\.(?:rst|h)): )?([^"]*?) ?(?:"([^"]+)" sha:([0-9a-f]{10})|\bsilent))re");
  std::smatch match;
  if (!std::regex_match(text, match, shape)) {
    return MakeError(
        "'{}' is not of the form 'HEADING \"words\" sha:HASH' (10 hex digits), 'HEADING silent' or "
        "'none'",
        text);
  }
  DocEntry entry{.heading = match[2], .label = match[3], .hash = match[4]};
  if (match[1].matched) entry.document = match[1];
  if (!entry.heading.empty()) return entry;
  if (before == nullptr || match[1].matched || entry.IsSilent()) {
    return MakeError("'{}' names no heading", text);
  }
  entry.document = before->document;
  entry.heading = before->heading;
  return entry;
}

}  // namespace

Result<std::vector<DocEntry>> ParseDocField(std::string_view value) {
  std::vector<DocEntry> entries;
  if (value.empty() || value == "none") return entries;
  while (true) {
    const size_t end = value.find(';');
    KCT_TRY(DocEntry entry, ParseEntry(std::string(Trim(value.substr(0, end))),
                                       entries.empty() ? nullptr : &entries.back()));
    entries.push_back(std::move(entry));
    if (end == value.npos) return entries;
    value.remove_prefix(end + 1);
  }
}

std::string RenderDocEntry(const DocEntry& entry) {
  const std::string document = entry.document == kApiDocument ? "" : entry.document + ": ";
  const std::string what =
      entry.IsSilent() ? "silent" : fmt::format("\"{}\" sha:{}", entry.label, entry.hash);
  return fmt::format("{}{} {}", document, entry.heading, what);
}

}  // namespace kct
