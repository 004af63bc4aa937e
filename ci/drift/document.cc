// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/document.h"

#include <algorithm>
#include <regex>

namespace kct {
namespace {

// A comment without the stars in front of its lines; a line with only a star is empty.
std::string WithoutStars(std::string_view comment) {
  static const std::regex star(R"(^[ \t]*\*+ ?)", std::regex::multiline);
  return std::regex_replace(std::string(comment), star, "");
}

// Calls `visit` with each stretch of lines that has no empty one.
template <typename Visit>
void EachParagraph(std::string_view text, Visit visit) {
  static const std::regex gap(R"(\n[ \t]*\n)");
  const std::string copy(text);
  for (std::sregex_token_iterator it(copy.begin(), copy.end(), gap, -1), end; it != end; ++it) {
    visit(it->str());
  }
}

}  // namespace

std::string BareTitle(std::string_view title) {
  static const std::regex number(R"(^[0-9]+(\.[0-9]+)*\.? +)");
  return std::regex_replace(FoldSpace(title), number, "");
}

std::vector<const Section*> Document::Find(std::string_view title) const {
  const std::string bare = BareTitle(title);
  std::vector<const Section*> found;
  for (const Section& section : sections_) {
    if (BareTitle(section.title) == bare) found.push_back(&section);
  }
  return found;
}

std::span<const Sentence> Document::Sentences(const Section& section) const {
  return std::span(sentences_).subspan(section.begin, section.end - section.begin);
}

const Section* Document::Around(size_t sentence) const {
  const Section* around = nullptr;
  for (const Section& section : sections_) {
    if (section.begin > sentence || sentence >= section.end) continue;
    if (Find(section.title).size() == 1) around = &section;
  }
  return around;
}

void Document::AddSection(std::string title, int level) {
  sections_.push_back({FoldSpace(title), level, sentences_.size(), sentences_.size()});
}

void Document::AddSentence(Sentence sentence) {
  if (sentence.text.empty()) return;
  sentences_.push_back(std::move(sentence));
  int inside = sections_.empty() ? 0 : sections_.back().level + 1;
  for (auto section = sections_.rbegin(); section != sections_.rend(); ++section) {
    if (section->level >= inside) continue;
    section->end = sentences_.size();
    inside = section->level;
  }
}

Document ParseComments(std::string_view header) {
  Document document;
  document.AddSection("comments", 0);
  for (size_t at = header.find("/*"); at != header.npos; at = header.find("/*", at)) {
    const size_t end = std::min(header.find("*/", at + 2), header.size());
    EachParagraph(WithoutStars(header.substr(at + 2, end - at - 2)), [&](const std::string& text) {
      for (Sentence& sentence : SplitSentences(text)) document.AddSentence(std::move(sentence));
    });
    at = end;
  }
  return document;
}

}  // namespace kct
