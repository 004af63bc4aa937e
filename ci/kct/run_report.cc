// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/spec/clauses.h"

namespace kct {
namespace {

using State = ClauseNews::State;

constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kRed = "\x1b[31m";

std::string_view ColorOf(Verdict verdict) {
  if (verdict == Verdict::kPass) return kGreen;
  return IsBad(verdict) ? kRed : kYellow;
}

State StateOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSkip:
      return State::kSkipped;
    case Verdict::kInconclusive:
      return State::kInconclusive;
    default:
      return State::kChecked;
  }
}

struct Seen {
  State state;
  std::set<std::string> skip_reasons;
};

// The best that any test of a clause came to; the enumerators are in that order.
std::map<std::string, Seen, std::less<>> SeenClauses(const RunReport& report) {
  std::map<std::string, Seen, std::less<>> seen;
  for (const TestResult& result : report.results) {
    for (const std::string& clause : result.assignment.test.clauses) {
      const State state = StateOf(result.verdict);
      Seen& entry = seen.try_emplace(clause, Seen{state, {}}).first->second;
      entry.state = std::min(entry.state, state);
      if (state == State::kSkipped) entry.skip_reasons.insert(result.skip_reason);
    }
  }
  for (const TestCase& test : report.left_out) {
    for (const std::string& clause : test.clauses) {
      seen.try_emplace(clause, Seen{State::kLeftOut, {}});
    }
  }
  return seen;
}

}  // namespace

std::string Shown(Verdict verdict, Colors colors) {
  std::string word(Name(verdict));
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return toupper(c); });
  if (colors == Colors::kOff) return word;
  return fmt::format("{}{}\x1b[0m", ColorOf(verdict), word);
}

std::string ShownSeed(uint64_t seed) { return fmt::format("{:#x}", seed); }

std::string RerunLine(const RunFacts& facts, const Assignment& assignment) {
  const bool any_mode = assignment.mode == Mode::kHost || ComparesModes(assignment.test);
  const std::string mode = any_mode ? "" : fmt::format(" --mode {}", Name(assignment.mode));
  const std::string lie = assignment.lie.empty() ? "" : " --lie " + assignment.lie;
  return fmt::format("{} --filter {}{}{} --seed {}", facts.rerun, assignment.test.name, mode, lie,
                     ShownSeed(assignment.run_seed));
}

std::string CountVerdicts(const std::vector<const TestResult*>& results) {
  std::map<Verdict, int> counts;
  for (const TestResult* result : results) ++counts[result->verdict];
  std::string text;
  for (const auto& [verdict, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, Name(verdict));
  }
  return text;
}

std::vector<ClauseNews> NewsOfClauses(const RunReport& report) {
  const auto seen = SeenClauses(report);
  std::vector<ClauseNews> news;
  for (const Clause& clause : AllClauses()) {
    ClauseNews entry{.id = clause.id, .title = clause.title};
    if (const auto found = seen.find(clause.id); found != seen.end()) {
      entry.state = found->second.state;
      entry.why = fmt::format("{}", fmt::join(found->second.skip_reasons, ", "));
    } else {
      entry.why = clause.untested.empty() ? "no test is written yet" : std::string(clause.untested);
    }
    news.push_back(std::move(entry));
  }
  return news;
}

}  // namespace kct
