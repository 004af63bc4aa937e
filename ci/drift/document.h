// SPDX-License-Identifier: GPL-2.0-only
// Document: a document of the kernel as sections of sentences.
//
//   Document document = ParseRst(text);
//   for (const Section* section : document.Find("4.143 KVM_PRE_FAULT_MEMORY"))
//     for (const Sentence& sentence : document.Sentences(*section)) …
//
// It reads as much of reStructuredText as api.rst and its neighbours use; docs/design/drift.md has
// the list. What it does not know is prose to it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ci/drift/sentence.h"

namespace kct {

struct Section {
  std::string title;  // "4.143 KVM_PRE_FAULT_MEMORY"
  int level = 0;      // 0 is outermost
  size_t begin = 0;   // of its sentences, those of its subsections included
  size_t end = 0;
};

// "KVM_PRE_FAULT_MEMORY" of "4.143 KVM_PRE_FAULT_MEMORY": numbers change from release to release.
std::string BareTitle(std::string_view title);

class Document {
 public:
  // All sections of this title, its number left aside. Several may have the same.
  std::vector<const Section*> Find(std::string_view title) const;
  std::span<const Sentence> Sentences(const Section& section) const;
  // The innermost section around a sentence of sentences() whose title names no other one; nullptr
  // if there is none.
  const Section* Around(size_t sentence) const;

  const std::vector<Section>& sections() const { return sections_; }
  const std::vector<Sentence>& sentences() const { return sentences_; }

  // For parsers: a section ends where another one of its level or above begins.
  void AddSection(std::string title, int level);
  void AddSentence(Sentence sentence);

 private:
  std::vector<Section> sections_;
  std::vector<Sentence> sentences_;
};

Document ParseRst(std::string_view text);

// The comments of a C header, as a document with the one section "comments".
Document ParseComments(std::string_view header);

}  // namespace kct
