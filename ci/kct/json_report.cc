// SPDX-License-Identifier: GPL-2.0-only
// The report for programs. docs/design/runner.md documents its members.
#include <nlohmann/json.hpp>

#include "ci/kct/run_report.h"

namespace kct {
namespace {

using json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kNewsNames{"expected", "new", "known", "unexpected-pass"};
constexpr std::array<std::string_view, 5> kStateNames{"checked", "inconclusive", "skipped",
                                                      "left-out", "untested"};

json FactsAsJson(const RunFacts& facts) {
  return {{"kct", facts.kct_version},
          {"kernel",
           {{"spec", facts.kernel_spec},
            {"release", facts.kernel_release},
            {"sha256", facts.kernel_sha256}}},
          {"target", facts.target},
          {"qemu", facts.qemu_version},
          {"emulation", facts.emulation},
          {"host_kernel", facts.host_release},
          {"modes", facts.modes},
          {"cpus", facts.cpus},
          {"slowness", facts.slowness},
          {"memory", facts.memory},
          {"seed", ShownSeed(facts.seed)},
          {"repeat", facts.repeat},
          {"folder", facts.folder}};
}

json HistoriesAsJson(const HistoryCount& histories) {
  return {{"explained", histories.explained},
          {"contradicted", histories.contradicted},
          {"gave_up", histories.gave_up},
          {"clauses", histories.clauses},
          {"contradictions", histories.contradictions},
          {"doubts", histories.doubts}};
}

json ResultAsJson(const RunReport& report, const TestResult& result) {
  const Assignment& assignment = result.assignment;
  json races = json::array();
  for (const RaceCount& race : result.races) {
    races.push_back({{"name", race.name},
                     {"actors", race.actors},
                     {"rounds", race.rounds},
                     {"meetings", race.meetings},
                     {"target", race.target},
                     {"anchored", race.anchored},
                     {"answers", race.answers}});
  }
  json failures = json::array();
  for (const Failure& failure : result.failures) {
    failures.push_back({{"file", failure.file},
                        {"line", failure.line},
                        {"clauses", failure.clauses},
                        {"text", failure.text}});
  }
  json hangs = json::array();
  for (const Hang& hang : result.hangs) {
    hangs.push_back({{"clause", hang.clause},
                     {"text", hang.text},
                     {"released", hang.released},
                     {"derailed", hang.derailed}});
  }
  return {{"test", assignment.test.name},
          {"suite", assignment.test.suite},
          {"kind", assignment.test.kind},
          {"clauses", assignment.test.clauses},
          {"file", assignment.test.file},
          {"line", assignment.test.line},
          {"mode", Name(assignment.mode)},
          {"repeat", assignment.repeat},
          {"seed", ShownSeed(assignment.seed)},
          {"verdict", Name(result.verdict)},
          {"news", kNewsNames[static_cast<std::size_t>(result.news)]},
          {"known_reason", result.known_reason},
          {"seconds", result.seconds},
          {"blamed", IsBad(result.verdict) ? json(Blamed(result)) : json::array()},
          {"failures", failures},
          {"hangs", hangs},
          {"races", races},
          {"skip", {{"reason", result.skip_reason}, {"text", result.skip_text}}},
          {"inconclusive", result.inconclusive},
          {"kernel_complaints", result.complaints},
          {"histories", HistoriesAsJson(result.histories)},
          {"runner", result.account},
          {"notes", result.notes},
          {"emulator_artefact", result.emulator_artefact},
          {"machine", result.machine_folder.string()},
          {"rerun", RerunLine(report.facts, assignment)}};
}

}  // namespace

std::string JsonReport(const RunReport& report) {
  json results = json::array();
  for (const TestResult& result : report.results) results.push_back(ResultAsJson(report, result));
  json clauses = json::array();
  for (const ClauseNews& clause : NewsOfClauses(report)) {
    clauses.push_back({{"id", clause.id},
                       {"title", clause.title},
                       {"state", kStateNames[static_cast<std::size_t>(clause.state)]},
                       {"why", clause.why}});
  }
  const Exit exit =
      report.stopped ? report.stopped->exit : ExitFor(report.results, report.strictness);
  const json run{{"format", 1},
                 {"run", FactsAsJson(report.facts)},
                 {"seconds", report.seconds},
                 {"exit_status", static_cast<int>(exit)},
                 {"stopped", report.stopped ? report.stopped->message : ""},
                 {"not_reached", report.not_reached},
                 {"results", results},
                 {"clauses", clauses}};
  // What tests print need not be UTF-8.
  return run.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace kct
