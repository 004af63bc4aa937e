// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/drift_command.h"

#include <set>

#include "ci/drift/drift.h"
#include "ci/drift/known.h"
#include "ci/kct/lab.h"
#include "ci/kct/run_command.h"
#include "ci/spec/files.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

// All findings of a run, and which of them are known.
class Findings {
 public:
  explicit Findings(std::vector<KnownDrift> known) : known_(std::move(known)) {}

  // Prints those that are new. How many there are of both kinds comes back.
  size_t Add(std::string_view title, const std::vector<Drift>& drifts) {
    std::string text;
    for (const Drift& drift : drifts) {
      if (const KnownDrift* known = FindKnown(known_, drift)) {
        matched_.insert(known);
        known_text_ +=
            fmt::format("  {}  {}\n      {}\n", drift.subject, drift.text, known->reason);
      } else {
        text += fmt::format("  {}  {}\n", drift.subject, drift.text);
        ++new_count_;
      }
    }
    if (!text.empty()) fmt::print("{}\n{}\n", title, text);
    return drifts.size();
  }

  void PrintKnown() const {
    if (!known_text_.empty()) fmt::print("Known\n{}\n", known_text_);
    std::string text;
    for (const KnownDrift& known : known_) {
      if (!matched_.contains(&known))
        text += fmt::format("  {}  {}\n", known.subject, known.begins);
    }
    if (!text.empty()) fmt::print("Known, but not in this tree\n{}\n", text);
  }

  size_t new_count() const { return new_count_; }

 private:
  std::vector<KnownDrift> known_;
  std::set<const KnownDrift*> matched_;
  std::string known_text_;
  size_t new_count_ = 0;
};

Result<std::vector<KnownDrift>> ReadKnown(const DriftOptions& options) {
  const std::filesystem::path file =
      options.known.empty() ? ProgramFolder() / "known-drift.txt" : options.known;
  KCT_TRY(const std::string text, ReadFile(file));
  return ParseKnownDrift(file.string(), text);
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

  Result<std::vector<KnownDrift>> known = ReadKnown(options);
  if (!known) return Complain({Exit::kUsage, known.error().message});
  Findings findings(std::move(known).value());
  const auto clauses = AllClauses();
  const size_t sentences = findings.Add("The documents no longer say what a clause points at",
                                        CheckSentences(clauses, *tree));
  const size_t sources =
      findings.Add("The code is no longer where a clause says", CheckSources(clauses, *tree));
  const size_t errnos = findings.Add("Errors in the code that the documents do not list",
                                     CheckErrnos(clauses, *tree));
  const size_t names = findings.Add("Names in the documents that the headers do not have",
                                    CheckNames(clauses, *tree));
  findings.PrintKnown();
  fmt::print("{} clauses: {} sentences, {} sources, {} errors, {} names drifted; {} new\n",
             clauses.size(), sentences, sources, errnos, names, findings.new_count());
  return findings.new_count() == 0 ? Exit::kNothingNew : Exit::kFindings;
}

}  // namespace kct
