// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <cmath>

#include "ci/drift/drift.h"
#include "ci/spec/doc_field.h"

namespace kct {
namespace {

constexpr int kLabelWeight = 3;  // the label is the sentence's own words, the claim is ours

bool Holds(std::span<const Sentence> sentences, const std::string& hash) {
  return std::ranges::any_of(sentences,
                             [&](const Sentence& sentence) { return HashOf(sentence) == hash; });
}

// How much of `words` a sentence has, whatever its length.
double Closeness(const Sentence& sentence, const std::set<std::string>& label,
                 const std::set<std::string>& claim) {
  const std::set<std::string> words = WordsOf(sentence.text);
  int shared = 0;
  for (const std::string& word : words) {
    if (label.contains(word)) shared += kLabelWeight;
    if (claim.contains(word)) ++shared;
  }
  return words.empty() ? 0 : shared / std::sqrt(static_cast<double>(words.size()));
}

std::string ClosestTo(const DocEntry& entry, const Clause& clause, const Document& document,
                      const std::vector<const Section*>& sections) {
  const std::set<std::string> label = WordsOf(entry.label);
  const std::set<std::string> claim = WordsOf(clause.claim);
  const Sentence* closest = nullptr;
  double best = 0;
  for (const Section* section : sections) {
    for (const Sentence& sentence : document.Sentences(*section)) {
      const double closeness = Closeness(sentence, label, claim);
      if (closeness <= best) continue;
      best = closeness;
      closest = &sentence;
    }
  }
  if (closest == nullptr) return "the section says nothing like it";
  return fmt::format("closest there, sha:{}: {}", HashOf(*closest), closest->text);
}

// Where else the sentence is; empty: nowhere.
std::string OtherPlace(const Document& document, const std::string& hash) {
  for (size_t i = 0; i < document.sentences().size(); ++i) {
    if (HashOf(document.sentences()[i]) != hash) continue;
    const Section* around = document.Around(i);
    return around == nullptr ? "before the first heading" : around->title;
  }
  return {};
}

// What is wrong with an entry; empty: nothing.
std::string Judge(const DocEntry& entry, const Clause& clause, KernelTree& tree) {
  const Document* document = tree.FindDocument(entry.document);
  if (document == nullptr) return fmt::format("{}: no such document", entry.document);
  const std::vector<const Section*> sections = document->Find(entry.heading);
  const auto has_it = [&](const Section* section) {
    return entry.IsSilent() || Holds(document->Sentences(*section), entry.hash);
  };
  if (std::ranges::any_of(sections, has_it)) return {};
  const std::string what = RenderDocEntry(entry);
  if (const std::string place = OtherPlace(*document, entry.hash); !place.empty()) {
    return fmt::format("{}: is in section '{}' now", what, place);
  }
  if (sections.empty()) return fmt::format("{}: no such section", what);
  return fmt::format("{}: changed or gone; {}", what,
                     ClosestTo(entry, clause, *document, sections));
}

}  // namespace

std::vector<Drift> CheckSentences(std::span<const Clause> clauses, KernelTree& tree) {
  std::vector<Drift> drifts;
  const auto say = [&](const Clause& clause, std::string text) {
    drifts.push_back({std::string(clause.id), std::move(text)});
  };
  for (const Clause& clause : clauses) {
    Result<std::vector<DocEntry>> entries = ParseDocField(clause.doc);
    if (!entries) {
      say(clause, entries.error().message);
      continue;
    }
    if (clause.standing == Standing::kDocumented &&
        std::ranges::all_of(*entries, &DocEntry::IsSilent)) {
      say(clause, "is documented, but names no sentence");
    }
    for (const DocEntry& entry : *entries) {
      if (std::string wrong = Judge(entry, clause, tree); !wrong.empty()) say(clause, wrong);
    }
  }
  return drifts;
}

std::vector<FoundSentence> FindSentences(const Document& document, const std::string& name,
                                         std::string_view words) {
  const std::set<std::string> wanted = WordsOf(words);
  std::vector<FoundSentence> found;
  for (size_t i = 0; i < document.sentences().size(); ++i) {
    const Sentence& sentence = document.sentences()[i];
    const std::set<std::string> has = WordsOf(sentence.text);
    if (wanted.empty() || !std::ranges::includes(has, wanted)) continue;
    const Section* around = document.Around(i);
    if (around == nullptr) continue;  // before the first heading: nothing to point at
    found.push_back(
        {RenderDocEntry({name, around->title, sentence.label, HashOf(sentence)}), sentence.text});
  }
  return found;
}

}  // namespace kct
