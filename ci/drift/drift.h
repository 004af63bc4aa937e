// SPDX-License-Identifier: GPL-2.0-only
// Drift: where the clauses, the kernel's documents and its code say different things.
// docs/design/drift.md says what each check sees and what it misses.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ci/drift/kernel_tree.h"
#include "harness/spec/clause.h"

namespace kct {

struct Drift {
  std::string subject;  // a clause, a source, or a section of a document
  std::string text;     // one line
};

// Sentences that field Doc names and that are not in their section any more; clauses that are
// documented but name none.
std::vector<Drift> CheckSentences(std::span<const Clause> clauses, KernelTree& tree);

// Files and functions that field Source names and that are not where it says.
std::vector<Drift> CheckSources(std::span<const Clause> clauses, KernelTree& tree);

// Errnos that the functions of an ioctl's clauses return and its section does not list.
std::vector<Drift> CheckErrnos(std::span<const Clause> clauses, KernelTree& tree);

// Structures and constants of KVM in the sections that clauses point to, which no header has.
std::vector<Drift> CheckNames(std::span<const Clause> clauses, KernelTree& tree);

// The sentences of a document that have all the words, each with the entry for field Doc.
struct FoundSentence {
  std::string entry;
  std::string text;
};
std::vector<FoundSentence> FindSentences(const Document& document, const std::string& name,
                                         std::string_view words);

}  // namespace kct
