// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <regex>

#include "ci/drift/drift.h"
#include "ci/spec/doc_field.h"

namespace kct {
namespace {

// "KVM_CAP_" of "KVM_CAP_*" stands for all names that begin so.
bool IsKnown(const std::string& name, const std::set<std::string>& names) {
  if (!name.ends_with('_')) return names.contains(name);
  const auto next = names.lower_bound(name);
  return next != names.end() && next->starts_with(name);
}

// "struct kvm_song", "KVM_SING"
std::set<std::string> UnknownNames(std::string_view text, const std::set<std::string>& known) {
  static const std::regex name(R"(\b(struct )?(kvm_[a-z0-9_]+|KVM_[A-Z0-9_]+)\b)");
  std::set<std::string> unknown;
  for (std::cregex_iterator it(text.data(), text.data() + text.size(), name), end; it != end;
       ++it) {
    const bool lower = std::islower(static_cast<unsigned char>((*it)[2].str()[0])) != 0;
    if (lower && !(*it)[1].matched) continue;  // a function, a parameter of the module
    if (!IsKnown((*it)[2], known)) unknown.insert(it->str());
  }
  return unknown;
}

}  // namespace

std::vector<Drift> CheckNames(std::span<const Clause> clauses, KernelTree& tree) {
  std::set<std::pair<std::string, std::string>> done;
  std::vector<Drift> drifts;
  for (const Clause& clause : clauses) {
    Result<std::vector<DocEntry>> entries = ParseDocField(clause.doc);
    if (!entries) continue;
    for (const DocEntry& entry : *entries) {
      const Document* document = tree.FindDocument(entry.document);
      const std::string title = BareTitle(entry.heading);
      if (document == nullptr || !done.emplace(entry.document, title).second) continue;
      std::set<std::string> unknown;
      for (const Section* section : document->Find(title)) {
        for (const Sentence& sentence : document->Sentences(*section)) {
          unknown.merge(UnknownNames(sentence.text, tree.UapiNames()));
        }
      }
      for (const std::string& name : unknown) {
        drifts.push_back({title, fmt::format("{} is in no header for user space", name)});
      }
    }
  }
  return drifts;
}

}  // namespace kct
