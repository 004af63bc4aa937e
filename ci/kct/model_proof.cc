// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/model_proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace kct {
namespace {

using nlohmann::json;

bool Noticed(const Trial& trial, const PlantedBug& bug) {
  return trial.bug == bug.name && trial.Failed() &&
         std::find(trial.blamed.begin(), trial.blamed.end(), bug.clause) != trial.blamed.end();
}

// Why a bug went unnoticed: what the tests that name its clause said.
std::string Answers(const PlantedBug& bug, const std::vector<Trial>& trials) {
  std::string answers;
  for (const Trial& trial : trials) {
    if (trial.bug != bug.name) continue;
    answers += fmt::format("{} {} {}", answers.empty() ? "" : ",", trial.test, Name(trial.verdict));
  }
  return answers.empty() ? " no test names it" : answers;
}

// How tests fared on the model as it is.
std::vector<std::string> FindBrokenTests(const std::vector<Trial>& trials) {
  std::vector<std::string> gaps;
  std::set<std::string> breakable;
  for (const Trial& trial : trials) {
    if (!trial.bug.empty() && trial.Failed()) breakable.insert(trial.test);
  }
  for (const Trial& trial : trials) {
    if (!trial.bug.empty() || trial.verdict == Verdict::kSkip) continue;
    if (trial.verdict != Verdict::kPass) {
      gaps.push_back(fmt::format("{}: {} on the model as it is", trial.test, Name(trial.verdict)));
    } else if (!breakable.contains(trial.test)) {
      gaps.push_back(
          fmt::format("{}: no planted bug of a clause that it names breaks it", trial.test));
    }
  }
  return gaps;
}

}  // namespace

Result<std::vector<PlantedBug>> ParseBugs(const std::string& where, const std::string& text) {
  std::vector<PlantedBug> bugs;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    PlantedBug bug;
    words >> bug.name >> bug.clause;
    std::getline(words >> std::ws, bug.description);
    if (bug.description.empty()) {
      return MakeError("{} --list-bugs: '{}': expected NAME CLAUSE DESCRIPTION", where, line);
    }
    bugs.push_back(std::move(bug));
  }
  return bugs;
}

Trial ReadTrial(const std::string& events, int exit_status) {
  Trial trial{.verdict = VerdictByExitStatus(exit_status)};
  std::istringstream lines(events);
  for (std::string line; std::getline(lines, line);) {
    const json event = json::parse(line, nullptr, false);
    if (!event.is_object()) continue;
    const std::string kind = event.value("event", "");
    if (kind == "failure") {
      for (const json& clause : event.value("clauses", json::array())) {
        trial.blamed.push_back(clause.get<std::string>());
      }
    } else if (kind == "hang") {
      trial.blamed.push_back(event.value("clause", ""));
    } else if (kind == "skip") {
      trial.skip_reason = event.value("reason", "");
    } else if (kind == "end") {
      trial.verdict = VerdictByName(event.value("verdict", "")).value_or(trial.verdict);
    }
  }
  return trial;
}

std::vector<std::string> FindGaps(const std::vector<PlantedBug>& bugs,
                                  const std::vector<Trial>& trials) {
  std::vector<std::string> gaps = FindBrokenTests(trials);
  for (const PlantedBug& bug : bugs) {
    const bool noticed = std::any_of(trials.begin(), trials.end(),
                                     [&](const Trial& trial) { return Noticed(trial, bug); });
    if (!noticed) {
      gaps.push_back(fmt::format("{}: nothing blames {} for it:{}", bug.name, bug.clause,
                                 Answers(bug, trials)));
    }
  }
  return gaps;
}

std::string ProofReport(const std::vector<PlantedBug>& bugs, const std::vector<Trial>& trials) {
  std::string report;
  for (const PlantedBug& bug : bugs) {
    report += fmt::format("{:<44} {:<12} {}\n", bug.name, bug.clause, bug.description);
    for (const Trial& trial : trials) {
      if (Noticed(trial, bug))
        report += fmt::format("    {} {}\n", Name(trial.verdict), trial.test);
    }
  }
  std::map<std::string, std::vector<std::string>> skipped;
  for (const Trial& trial : trials) {
    if (trial.bug.empty() && trial.verdict == Verdict::kSkip) {
      skipped[trial.skip_reason].push_back(trial.test);
    }
  }
  for (const auto& [reason, tests] : skipped) {
    report += fmt::format("Skipped on the model: {}\n", reason);
    for (const std::string& test : tests) report += fmt::format("    {}\n", test);
  }
  return report;
}

}  // namespace kct
