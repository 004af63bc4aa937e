// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/mode_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace kct {
namespace {

constexpr std::size_t kLinesBefore = 6;

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string LineAt(const std::vector<std::string>& lines, std::size_t index) {
  return index < lines.size() ? lines[index] : "(nothing more)";
}

// The first line that differs, as each mode has it, and the lines before it.
std::string DifferenceOf(Mode one, const std::string& left, Mode other, const std::string& right) {
  const std::vector<std::string> lefts = LinesOf(left), rights = LinesOf(right);
  std::size_t at = 0;
  while (LineAt(lefts, at) == LineAt(rights, at)) ++at;
  std::string text;
  for (std::size_t i = at - std::min(at, kLinesBefore); i < at; ++i) {
    text += fmt::format("  both: {}\n", lefts[i]);
  }
  return text + fmt::format("  {}: {}\n  {}: {}\n", Name(one), LineAt(lefts, at), Name(other),
                            LineAt(rights, at));
}

}  // namespace

TestResult ModeComparison::Judge(TestResult result) {
  const Assignment& assignment = result.assignment;
  if (!ComparesModes(assignment.test)) return result;
  const std::pair key(assignment.test.name, assignment.repeat);
  const auto found = firsts_.find(key);
  if (found == firsts_.end() || found->second.mode == assignment.mode) {
    firsts_[key] = {assignment.mode, result.verdict, result.views};
    return result;
  }
  if (result.verdict != Verdict::kPass) return result;
  const First first = std::move(found->second);
  firsts_.erase(found);
  if (first.verdict != Verdict::kPass || first.views.empty() || result.views.empty()) {
    result.verdict = Verdict::kInconclusive;
    result.inconclusive.push_back(
        fmt::format("nothing to compare with: {} views and the verdict {} in mode {}, {} views in "
                    "mode {}",
                    first.views.size(), Name(first.verdict), Name(first.mode), result.views.size(),
                    Name(assignment.mode)));
    return result;
  }
  const auto [left, right] = std::mismatch(first.views.begin(), first.views.end(),
                                           result.views.begin(), result.views.end());
  if (left == first.views.end() && right == result.views.end()) return result;
  const ReportedView none{"(nothing more)", ""};
  const ReportedView& one = left == first.views.end() ? none : *left;
  const ReportedView& other = right == result.views.end() ? none : *right;
  const std::string difference =
      one.name == other.name ? DifferenceOf(first.mode, one.value, assignment.mode, other.value)
                             : fmt::format("  {}: {}\n  {}: {}\n", Name(first.mode), one.name,
                                           Name(assignment.mode), other.name);
  result.verdict = Verdict::kFail;
  result.failures.push_back({assignment.test.file, assignment.test.line, assignment.test.clauses,
                             fmt::format("The guest can tell {} from {}: {}\n{}", Name(first.mode),
                                         Name(assignment.mode), one.name, difference)});
  return result;
}

void ModeComparison::Close(std::vector<TestResult>& results) const {
  for (TestResult& result : results) {
    const auto found = firsts_.find({result.assignment.test.name, result.assignment.repeat});
    if (found == firsts_.end() || result.verdict != Verdict::kPass) continue;
    result.verdict = Verdict::kInconclusive;
    result.inconclusive.push_back("the run ended before the other paging mode had its turn");
  }
}

}  // namespace kct
