// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/sentence.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "harness/base/sha256.h"

namespace kct {
namespace {

constexpr size_t kLabelWords = 4;
constexpr size_t kHashDigits = 10;
constexpr std::array<std::string_view, 5> kAbbreviations{"e.g.", "i.e.", "etc.", "vs.", "cf."};

// REQUIRES: `text` is folded, text[at] is a full stop or the like.
bool EndsAt(std::string_view text, size_t at) {
  size_t next = at + 1;
  while (next < text.size() && (text[next] == ')' || text[next] == '"')) ++next;
  if (next == text.size()) return true;
  if (text[next] != ' ') return false;
  if (std::islower(static_cast<unsigned char>(text[next + 1])) != 0) return false;
  const std::string_view before = text.substr(0, at + 1);
  return std::ranges::none_of(kAbbreviations, [&](std::string_view abbreviation) {
    return before.ends_with(abbreviation);
  });
}

// The first words, without what the field Doc gives a meaning to.
std::string LabelOf(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string label;
  std::string word;
  for (size_t count = 0; count < kLabelWords && words >> word; ++count) {
    std::erase_if(word, [](char c) { return c == '"' || c == ';'; });
    if (word.empty()) continue;
    if (!label.empty()) label += ' ';
    label += word;
  }
  while (!label.empty() && std::string_view(",.:").find(label.back()) != std::string_view::npos) {
    label.pop_back();
  }
  return label.empty() ? "-" : label;
}

}  // namespace

std::string FoldSpace(std::string_view text) {
  std::string folded;
  for (char c : text) {
    if (c == '`') continue;
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space) {
      folded += c;
    } else if (!folded.empty() && folded.back() != ' ') {
      folded += ' ';
    }
  }
  if (folded.ends_with(' ')) folded.pop_back();
  return folded;
}

std::vector<Sentence> SplitSentences(std::string_view paragraph) {
  const std::string text = FoldSpace(paragraph);
  std::vector<Sentence> sentences;
  size_t begin = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool last = at + 1 == text.size();
    const bool stop = text[at] == '.' || text[at] == '!' || text[at] == '?';
    if (!last && !(stop && EndsAt(text, at))) continue;
    size_t end = at + 1;
    while (end < text.size() && text[end] != ' ') ++end;
    const std::string sentence = text.substr(begin, end - begin);
    sentences.push_back({sentence, LabelOf(sentence)});
    begin = end + 1;
    at = end;
  }
  return sentences;
}

Sentence KeyedSentence(std::string_view key, std::string_view rest) {
  const std::string folded = FoldSpace(key);
  return {FoldSpace(folded + ": " + std::string(rest)), LabelOf(folded)};
}

std::string HashOf(const Sentence& sentence) {
  return Sha256(sentence.text).substr(0, kHashDigits);
}

std::set<std::string> WordsOf(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '_') {
      word += static_cast<char>(std::tolower(byte));
    } else if (!word.empty()) {
      words.insert(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.insert(word);
  return words;
}

}  // namespace kct
