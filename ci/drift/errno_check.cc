// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <iterator>
#include <regex>

#include "ci/drift/c_source.h"
#include "ci/drift/drift.h"
#include "ci/drift/source_field.h"
#include "ci/spec/doc_field.h"

namespace kct {
namespace {

// An ioctl with a section of its own, and the clauses that name that section first.
struct Ioctl {
  std::string document;
  std::string name;
  std::vector<const Clause*> clauses;
};

std::vector<Ioctl> IoctlsOf(std::span<const Clause> clauses) {
  static const std::regex name_of_an_ioctl("KVM_[A-Z0-9_]+");
  std::vector<Ioctl> ioctls;
  for (const Clause& clause : clauses) {
    Result<std::vector<DocEntry>> entries = ParseDocField(clause.doc);
    if (!entries || entries->empty()) continue;
    const std::string document = entries->front().document;
    const std::string name = BareTitle(entries->front().heading);
    if (!std::regex_match(name, name_of_an_ioctl) || name.starts_with("KVM_CAP_")) continue;
    auto known = std::ranges::find_if(ioctls, [&](const Ioctl& other) {
      return other.name == name && other.document == document;
    });
    if (known == ioctls.end()) known = ioctls.insert(ioctls.end(), {document, name, {}});
    known->clauses.push_back(&clause);
  }
  return ioctls;
}

using Functions = std::set<std::string>;

std::map<std::string, Functions> ErrnosInCode(const Ioctl& ioctl, KernelTree& tree) {
  std::map<std::string, Functions> errnos;
  for (const Clause* clause : ioctl.clauses) {
    for (const SourceName& source : ParseSourceField(clause->source)) {
      const std::string* text = tree.FindSource(source.file);
      if (text == nullptr || source.name.empty()) continue;
      for (const std::string& body : BodiesOf(*text, source.name)) {
        for (const std::string& errno_name : ErrnosIn(OnlyCase(body, ioctl.name))) {
          errnos[errno_name].insert(source.name);
        }
      }
    }
  }
  return errnos;
}

struct DocumentedErrnos {
  std::set<std::string> in_table;
  std::set<std::string> in_text;
};

DocumentedErrnos ErrnosInSection(const Ioctl& ioctl, const Document& document) {
  DocumentedErrnos errnos;
  for (const Section* section : document.Find(ioctl.name)) {
    for (const Sentence& sentence : document.Sentences(*section)) {
      // In a row the key counts; the rest may speak of other errnos.
      if (sentence.is_row) errnos.in_table.merge(ErrnosNamedBy(sentence.label));
      errnos.in_text.merge(ErrnosNamedBy(sentence.text));
    }
  }
  return errnos;
}

// The clauses of the ioctl that speak of this errno: " (PREFAULT-36)".
std::string ClausesThatName(const std::string& errno_name, const Ioctl& ioctl) {
  std::vector<std::string_view> ids;
  for (const Clause* clause : ioctl.clauses) {
    if (ErrnosNamedBy(clause->claim).contains(errno_name)) ids.push_back(clause->id);
  }
  return ids.empty() ? "" : fmt::format(" ({})", fmt::join(ids, ", "));
}

// A line for each errno that the table lacks.
std::vector<Drift> LackedByTable(const Ioctl& ioctl,
                                 const std::map<std::string, Functions>& in_code,
                                 const DocumentedErrnos& documented) {
  std::vector<Drift> drifts;
  for (const auto& [errno_name, functions] : in_code) {
    if (documented.in_table.contains(errno_name)) continue;
    const bool told = documented.in_text.contains(errno_name);
    drifts.push_back(
        {ioctl.name,
         fmt::format("{} in {} is not in the table{}{}", errno_name, fmt::join(functions, ", "),
                     told ? ", only in the text" : "", ClausesThatName(errno_name, ioctl))});
  }
  return drifts;
}

// A section without a table does not pretend to list errors: all that it lacks is one line.
std::vector<Drift> LackedByText(const Ioctl& ioctl, const std::map<std::string, Functions>& in_code,
                                const DocumentedErrnos& documented) {
  std::vector<std::string> lacked;
  for (const auto& [errno_name, functions] : in_code) {
    if (documented.in_text.contains(errno_name)) continue;
    lacked.push_back(errno_name + ClausesThatName(errno_name, ioctl));
  }
  if (lacked.empty()) return {};
  return {{ioctl.name, fmt::format("the section has no table of errors; the code has {}",
                                   fmt::join(lacked, ", "))}};
}

}  // namespace

std::vector<Drift> CheckErrnos(std::span<const Clause> clauses, KernelTree& tree) {
  std::vector<Drift> drifts;
  for (const Ioctl& ioctl : IoctlsOf(clauses)) {
    const Document* document = tree.FindDocument(ioctl.document);
    if (document == nullptr || document->Find(ioctl.name).empty()) continue;
    const DocumentedErrnos documented = ErrnosInSection(ioctl, *document);
    const auto in_code = ErrnosInCode(ioctl, tree);
    std::ranges::move(documented.in_table.empty() ? LackedByText(ioctl, in_code, documented)
                                                  : LackedByTable(ioctl, in_code, documented),
                      std::back_inserter(drifts));
  }
  return drifts;
}

}  // namespace kct
