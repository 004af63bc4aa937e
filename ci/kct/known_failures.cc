// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/known_failures.h"

#include <sstream>

#include "harness/spec/clauses.h"

namespace kct {
namespace {

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  while (fields.size() < 4 && line.find('|') != std::string_view::npos) {
    const std::size_t bar = line.find('|');
    fields.push_back(Trim(line.substr(0, bar)));
    line.remove_prefix(bar + 1);
  }
  fields.push_back(Trim(line));
  return fields;
}

Result<KnownFailure> ParseLine(std::string_view line) {
  const std::vector<std::string_view> fields = Fields(line);
  if (fields.size() != 5) {
    return MakeError("expected CLAUSE | KERNEL-RANGE | MODE | always or sometimes | REASON");
  }
  if (FindClause(fields[0]) == nullptr) return MakeError("no clause {} in docs/spec", fields[0]);
  KCT_TRY(KernelRange kernels, KernelRange::Parse(fields[1]));
  std::optional<Mode> mode = ModeByName(fields[2]);
  if ((!mode || mode == Mode::kHost) && fields[2] != "*") {
    return MakeError("mode '{}' is not npt, shadow or *", fields[2]);
  }
  if (fields[3] != "always" && fields[3] != "sometimes") {
    return MakeError("'{}' is not always or sometimes", fields[3]);
  }
  if (fields[4].empty()) return MakeError("the reason is missing");
  using Often = KnownFailure::Often;
  return KnownFailure{.clause = std::string(fields[0]),
                      .kernels = std::move(kernels),
                      .mode = mode,
                      .often = fields[3] == "always" ? Often::kAlways : Often::kSometimes,
                      .reason = std::string(fields[4])};
}

}  // namespace

Result<KnownFailures> KnownFailures::Parse(std::string_view name, std::string_view text) {
  KnownFailures known;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string_view content = Trim(line);
    if (content.empty() || content.front() == '#') continue;
    Result<KnownFailure> failure = ParseLine(content);
    if (!failure) return MakeError("{}:{}: {}", name, number, failure.error().message);
    known.failures_.push_back(std::move(failure).value());
  }
  return known;
}

const KnownFailure* KnownFailures::Find(std::string_view clause, Mode mode,
                                        const KernelVersion& kernel) const {
  for (const KnownFailure& failure : failures_) {
    if (failure.clause == clause && (!failure.mode || failure.mode == mode) &&
        failure.kernels.Contains(kernel)) {
      return &failure;
    }
  }
  return nullptr;
}

TestResult KnownFailures::Classify(TestResult result, const KernelVersion& kernel) const {
  const Mode mode = result.assignment.mode;
  if (result.verdict == Verdict::kPass) {
    for (const std::string& clause : result.assignment.test.clauses) {
      const KnownFailure* known = Find(clause, mode, kernel);
      if (known == nullptr || known->often != KnownFailure::Often::kAlways) continue;
      result.news = News::kUnexpectedPass;
      result.known_reason = fmt::format("{}: {}", clause, known->reason);
    }
    return result;
  }
  if (!IsBad(result.verdict)) return result;
  result.news = News::kNew;
  const std::vector<std::string> blamed = Blamed(result);
  std::string reasons;
  for (const std::string& clause : blamed) {
    const KnownFailure* known = Find(clause, mode, kernel);
    if (known == nullptr || result.verdict == Verdict::kHarnessBug) return result;
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", clause, known->reason);
  }
  if (blamed.empty()) return result;
  result.news = News::kKnown;
  result.known_reason = reasons;
  return result;
}

}  // namespace kct
