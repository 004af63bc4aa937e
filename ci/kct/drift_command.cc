// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/drift_command.h"

#include "ci/drift/drift.h"
#include "ci/kct/run_command.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

void Print(std::string_view title, const std::vector<Drift>& drifts) {
  if (drifts.empty()) return;
  fmt::print("{}\n", title);
  for (const Drift& drift : drifts) fmt::print("  {}  {}\n", drift.subject, drift.text);
  fmt::print("\n");
}

Exit PrintSentences(const DriftOptions& options, KernelTree& tree) {
  const Document* document = tree.FindDocument(options.document);
  if (document == nullptr) {
    return Complain({Exit::kUsage, fmt::format("{}: has no document {}", options.tree.string(),
                                               options.document)});
  }
  const auto found = FindSentences(*document, options.document, *options.find);
  if (found.empty()) {
    return Complain({Exit::kFindings, fmt::format("{}: no sentence has all of the words '{}'",
                                                  options.document, *options.find)});
  }
  for (const FoundSentence& sentence : found) {
    fmt::print("{}\nDoc       {}\n\n", sentence.text, sentence.entry);
  }
  return Exit::kNothingNew;
}

}  // namespace

Exit LookForDrift(const DriftOptions& options) {
  Result<KernelTree> tree = KernelTree::Open(options.tree);
  if (!tree) return Complain({Exit::kUsage, tree.error().message});
  if (options.find) return PrintSentences(options, *tree);

  const auto sentences = CheckSentences(AllClauses(), *tree);
  const auto sources = CheckSources(AllClauses(), *tree);
  const auto errnos = CheckErrnos(AllClauses(), *tree);
  const auto names = CheckNames(AllClauses(), *tree);
  Print("The documents no longer say what a clause points at", sentences);
  Print("The code is no longer where a clause says", sources);
  Print("Errors in the code that the documents do not list", errnos);
  Print("Names in the documents that the headers do not have", names);
  const size_t count = sentences.size() + sources.size() + errnos.size() + names.size();
  fmt::print("{} clauses: {} sentences, {} sources, {} errors, {} names drifted\n",
             AllClauses().size(), sentences.size(), sources.size(), errnos.size(), names.size());
  return count == 0 ? Exit::kNothingNew : Exit::kFindings;
}

}  // namespace kct
