// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/c_source.h"
#include "ci/drift/drift.h"
#include "ci/drift/source_field.h"

namespace kct {
namespace {

std::string Name(const SourceName& source) {
  return source.name.empty() ? source.file : fmt::format("{}:{}", source.file, source.name);
}

// What is wrong with it; empty: nothing.
std::string Judge(const SourceName& source, KernelTree& tree) {
  const std::string* text = tree.FindSource(source.file);
  if (text != nullptr && (source.name.empty() || Defines(*text, source.name))) return {};
  const std::string why = text == nullptr ? "no such file" : "not defined there";
  if (source.name.empty()) return why;
  const std::vector<std::string> files = tree.FilesThatDefine(source.name);
  if (files.empty()) return why + ", nor elsewhere in KVM";
  return fmt::format("moved to {}", fmt::join(files, ", "));
}

}  // namespace

std::vector<Drift> CheckSources(std::span<const Clause> clauses, KernelTree& tree) {
  std::vector<SourceName> sources;  // in the order of the clauses
  std::map<std::string, std::vector<std::string_view>> named_by;
  for (const Clause& clause : clauses) {
    for (const SourceName& source : ParseSourceField(clause.source)) {
      std::vector<std::string_view>& ids = named_by[Name(source)];
      if (ids.empty()) sources.push_back(source);
      if (ids.empty() || ids.back() != clause.id) ids.push_back(clause.id);
    }
  }
  std::vector<Drift> drifts;
  for (const SourceName& source : sources) {
    const std::string wrong = Judge(source, tree);
    if (wrong.empty()) continue;
    drifts.push_back(
        {Name(source), fmt::format("{} ({})", wrong, fmt::join(named_by[Name(source)], ", "))});
  }
  return drifts;
}

}  // namespace kct
