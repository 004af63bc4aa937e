// SPDX-License-Identifier: GPL-2.0-only
#include "tests/notifier/source.h"

#include <fmt/format.h>

namespace kct {
namespace {

template <typename Wanted>
std::vector<SourceCase> CasesOf(Wanted wanted) {
  std::vector<SourceCase> cases;
  for (const Source& source : AllSources()) {
    if (!wanted(source)) continue;
    for (PageSize page_size : source.page_sizes) cases.push_back({&source, page_size});
  }
  return cases;
}

// Zeros are code that runs on, to wherever.
bool LeavesCode(const Source& source) {
  return source.meanwhile != Meanwhile::kZeros && source.meanwhile != Meanwhile::kHalfCode &&
         source.before == Before::kOldWords && source.after != After::kZeros &&
         source.after != After::kOldWordsOrZeros;
}

}  // namespace

const std::vector<Source>& AllSources() {
  static const std::vector<Source> all = [] {
    std::vector<Source> sources = SourcesThatTake();
    for (const auto& more : {SourcesThatProtect(), SourcesThatReplace(), SourcesThatMove(),
                             SourcesOfFiles(), NoSources()}) {
      sources.insert(sources.end(), more.begin(), more.end());
    }
    return sources;
  }();
  return all;
}

std::string SourceCase::Name() const {
  return fmt::format("{}_{}", source->name, page_size == PageSize::k4K ? "4k" : "2m");
}

const std::vector<SourceCase>& EverySource::All() {
  static const std::vector<SourceCase> cases = CasesOf([](const Source&) { return true; });
  return cases;
}

const std::vector<SourceCase>& EveryNotifier::All() {
  static const std::vector<SourceCase> cases =
      CasesOf([](const Source& source) { return source.notifies == Notifies::kYes; });
  return cases;
}

const std::vector<SourceCase>& EveryNotifierOfCode::All() {
  static const std::vector<SourceCase> cases = CasesOf(
      [](const Source& source) { return source.notifies == Notifies::kYes && LeavesCode(source); });
  return cases;
}

TestSubject EverySource::SubjectOf(const Item& item) {
  TestSubject subject{item.Name(), item.source->needs, {item.source->clause}};
  if (item.source->memory == Memory::kHugetlb) {
    subject.needs.push_back(Need::kHugetlb);
  } else if (item.source->memory == Memory::kDisk) {
    subject.needs.push_back(Need::kZram);
  } else if (item.page_size == PageSize::k2M) {
    subject.needs.push_back(Need::kThp);
  }
  return subject;
}

}  // namespace kct
