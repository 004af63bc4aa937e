// SPDX-License-Identifier: GPL-2.0-only
// Sentences: prose cut into pieces that a hash can find again after somebody wrapped it anew.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kct {

struct Sentence {
  std::string text;   // one line, single blanks, no backquotes
  std::string label;  // how it begins; of a table row or a field: its key
  bool is_row = false;
};

// White space folded into single blanks, backquotes dropped: what is left is what was said.
std::string FoldSpace(std::string_view text);

// The sentences of a paragraph. One ends at . ! or ? if no lower-case letter follows: an
// abbreviation in the middle does not end it.
std::vector<Sentence> SplitSentences(std::string_view paragraph);

// A sentence that begins with a key: a row of a table, a field.
Sentence KeyedSentence(std::string_view key, std::string_view rest);

// The first 10 hex digits of its text's SHA-256.
std::string HashOf(const Sentence& sentence);

// The words of a text in lower case, without punctuation.
std::set<std::string> WordsOf(std::string_view text);

}  // namespace kct
