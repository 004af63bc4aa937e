// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/report.h"

#include <unistd.h>

#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <span>

#include "harness/base/check.h"
#include "harness/history/text.h"
#include "harness/judge/findings.h"
#include "harness/testing/histories.h"

namespace kct {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kHistoryChunk = 32 * 1024;

struct CurrentTest {
  std::string name;
  std::vector<ClauseId> clauses;
  std::optional<ClauseId> blamed;
  uint64_t seed = 0;
  Verdict verdict = Verdict::kPass;
  Instant begin;
};

std::recursive_mutex mutex;
int events_fd = -1;
CurrentTest test;

void Emit(const Json& event) {
  if (events_fd < 0) return;
  const std::string line = event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t written = write(events_fd, line.data() + done, line.size() - done);
    if (written <= 0) return;  // nobody listens any more
    done += static_cast<std::size_t>(written);
  }
}

void Say(std::string_view mark, std::string_view text) {
  std::printf("[%.*s] %.*s\n", static_cast<int>(mark.size()), mark.data(),
              static_cast<int>(text.size()), text.data());
  std::fflush(stdout);
}

void Worsen(Verdict verdict) { test.verdict = Worse(test.verdict, verdict); }

Json Blamed() {
  Json ids = Json::array();
  if (test.blamed) {
    ids.push_back(test.blamed->text());
  } else {
    for (const ClauseId& id : test.clauses) ids.push_back(id.text());
  }
  return ids;
}

void EmitHistory(std::span<const Recording> recordings) {
  const std::string text = WriteHistory(recordings);
  for (std::size_t at = 0; at < text.size(); at += kHistoryChunk) {
    Emit({{"event", "history"}, {"text", text.substr(at, kHistoryChunk)}});
  }
}

void JudgeHistory(std::span<const Recording> recordings) {
  const Findings findings = JudgeAll(recordings);
  for (const std::string& why : findings.doubts) Note("the judge gave up: " + why);
  for (const std::string& text : findings.contradictions) {
    Say("CONTRADICTED", text);
    Emit({{"event", "failure"},
          {"file", ""},
          {"line", 0},
          {"clauses", findings.clauses},
          {"text", text}});
    Worsen(Verdict::kFail);
  }
}

void EmitEnd() {
  Emit({{"event", "end"},
        {"test", test.name},
        {"verdict", Name(test.verdict)},
        {"seconds", Seconds(Clock::now() - test.begin)}});
}

}  // namespace

void ReportEventsTo(int fd) { events_fd = fd; }

ScopedClause::ScopedClause(ClauseId clause) {
  std::lock_guard lock(mutex);
  previous_ = test.blamed;
  test.blamed = clause;
}

ScopedClause::~ScopedClause() {
  std::lock_guard lock(mutex);
  test.blamed = previous_;
}

void Note(std::string_view text) {
  std::lock_guard lock(mutex);
  Say("   NOTE   ", text);
  Emit({{"event", "note"}, {"text", text}});
}

void ReportRace(std::string_view name, const History& history) {
  std::lock_guard lock(mutex);
  Say("   RACE   ", fmt::format("{}: {}", name, history.Summary()));
  Emit({{"event", "race"},
        {"name", name},
        {"actors", history.actors},
        {"rounds", history.rounds},
        {"meetings", history.meetings},
        {"target", history.target},
        {"anchored", false},
        {"phases", history.phases},
        {"answers", history.answers}});
}

void ReportAnchoredMeeting(std::string_view text) {
  std::lock_guard lock(mutex);
  Say(" ANCHORED ", text);
  Emit({{"event", "race"},
        {"name", text},
        {"actors", Json::array()},
        {"rounds", 1},
        {"meetings", 1},
        {"target", 1},
        {"anchored", true},
        {"phases", Json::object()},
        {"answers", Json::object()}});
}

void ReportView(std::string_view name, std::string_view value) {
  std::lock_guard lock(mutex);
  Emit({{"event", "view"}, {"name", name}, {"value", value}});
}

void ReportInconclusive(std::string_view text) {
  std::lock_guard lock(mutex);
  Worsen(Verdict::kInconclusive);
  Say("INCONCLUSIVE", text);
  Emit({{"event", "inconclusive"}, {"text", text}});
}

uint64_t Seed() {
  std::lock_guard lock(mutex);
  return test.seed;
}

void BeginTest(std::string_view full_name, std::vector<ClauseId> clauses, uint64_t seed) {
  std::lock_guard lock(mutex);
  test = {.name = std::string(full_name),
          .clauses = std::move(clauses),
          .seed = seed,
          .begin = Clock::now()};
  Emit({{"event", "begin"}, {"test", full_name}, {"seed", seed}});
  BeginHistory();
}

void ReportFailure(std::string_view file, int line, std::string_view text) {
  std::lock_guard lock(mutex);
  Worsen(Verdict::kFail);
  Emit({{"event", "failure"},
        {"file", file},
        {"line", line},
        {"clauses", Blamed()},
        {"text", text}});
}

void ReportSkip(const Missing& missing) {
  std::lock_guard lock(mutex);
  Worsen(Verdict::kSkip);
  Say(" SKIPPED  ", fmt::format("{}: {}", missing.reason, missing.text));
  Emit({{"event", "skip"}, {"reason", missing.reason}, {"text", missing.text}});
}

void ReportKernelLog(const std::vector<std::string>& lines) {
  std::lock_guard lock(mutex);
  Worsen(Verdict::kFail);
  for (const std::string& line : lines) Say("KERNEL LOG", line);
  Emit({{"event", "kernel-log"}, {"lines", lines}});
}

void ReportStallAndExit(const Stall& stall) {
  std::lock_guard lock(mutex);
  const std::string_view clause = test.blamed            ? test.blamed->text()
                                  : test.clauses.empty() ? ""
                                                         : test.clauses[0].text();
  Worsen(Verdict::kHang);
  const std::string text = stall.ToString();
  Say("   HANG   ", fmt::format("{} breaks {}\n{}", test.name, clause, text));
  Emit({{"event", "hang"},
        {"clause", clause},
        {"text", text},
        {"released", stall.AllReleased()},
        {"derailed", stall.IsOfADerailedGuest()}});
  const std::vector<Recording> recordings = HistoryOfTest(test.name, test.seed);
  EmitHistory(recordings);
  if (AreHistoriesJudged()) JudgeHistory(recordings);
  EmitEnd();
  _exit(ExitStatus(Verdict::kHang));
}

Verdict EndTest() {
  std::lock_guard lock(mutex);
  const std::vector<Recording> recordings = HistoryOfTest(test.name, test.seed);
  EmitHistory(recordings);
  if (AreHistoriesJudged()) JudgeHistory(recordings);
  EmitEnd();
  return test.verdict;
}

}  // namespace kct
