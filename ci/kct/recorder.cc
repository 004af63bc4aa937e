// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/recorder.h"

#include <nlohmann/json.hpp>

#include "ci/kct/kernel_complaint.h"

namespace kct {
namespace {

using nlohmann::json;

Failure ParseFailure(const json& event) {
  return {.file = event.value("file", ""),
          .line = event.value("line", 0),
          .clauses = event.value("clauses", std::vector<std::string>{}),
          .text = event.value("text", "")};
}

RaceCount ParseRace(const json& event) {
  return {.name = event.value("name", ""),
          .actors = event.value("actors", std::vector<std::string>{}),
          .rounds = event.value("rounds", uint64_t{0}),
          .meetings = event.value("meetings", uint64_t{0}),
          .target = event.value("target", uint64_t{0}),
          .anchored = event.value("anchored", false),
          .answers = event.value("answers", std::map<std::string, uint64_t>{})};
}

Hang ParseHang(const json& event) {
  return {.clause = event.value("clause", ""),
          .text = event.value("text", ""),
          .released = event.value("released", false),
          .derailed = event.value("derailed", false)};
}

// Adds what an event says to the result. Throws json::exception where a member has a wrong type.
void Apply(const json& event, TestResult& result) {
  const std::string kind = event.value("event", "");
  if (kind == "failure") {
    result.failures.push_back(ParseFailure(event));
  } else if (kind == "race") {
    result.races.push_back(ParseRace(event));
  } else if (kind == "view") {
    result.views.push_back({event.value("name", ""), event.value("value", "")});
  } else if (kind == "hang") {
    result.hangs.push_back(ParseHang(event));
  } else if (kind == "skip") {
    result.skip_reason = event.value("reason", "");
    result.skip_text = event.value("text", "");
  } else if (kind == "inconclusive") {
    result.inconclusive.push_back(event.value("text", ""));
  } else if (kind == "note") {
    result.notes.push_back(event.value("text", ""));
  } else if (kind == "history") {
    result.history += event.value("text", "");
  }
}

}  // namespace

bool Recorder::Hear(const Message& message) {
  using Kind = Message::Kind;
  switch (message.kind) {
    case Kind::kEvent:
      HearEvent(message.text);
      return false;
    case Kind::kOutput:
      result_.output += message.text + "\n";
      return false;
    case Kind::kKernelLog:
      HearKernel(message);
      return false;
    case Kind::kBroken:
      result_.notes.push_back("PID 1: " + message.text);
      return false;
    case Kind::kExited:
      HearEnd(message);
      return true;
    case Kind::kStuck:
      result_.verdict = Verdict::kLost;
      result_.account = "can't be ended: " + message.text;
      result_.machine_spent = true;
      return true;
    default:
      return false;
  }
}

void Recorder::HearEvent(const std::string& line) {
  result_.events += line + "\n";
  const json event = json::parse(line, nullptr, false);
  if (!event.is_object()) {
    result_.notes.push_back("an event that is no JSON object: " + line.substr(0, 200));
    return;
  }
  try {
    Apply(event, result_);
    if (event.value("event", "") == "end") {
      own_verdict_ = VerdictByName(event.value("verdict", ""));
      result_.seconds = event.value("seconds", 0.0);
    }
    if (event.value("event", "") == "kernel-log") {
      for (const json& entry : event.at("lines")) {
        result_.notes.push_back("kernel log: " + entry.get<std::string>());
      }
    }
  } catch (const json::exception& bad) {
    result_.notes.push_back(
        fmt::format("an event that can't be read ({}): {}", bad.what(), line.substr(0, 200)));
  }
}

void Recorder::HearKernel(const Message& message) {
  result_.kernel_log += fmt::format("[{:12.6f}] {}\n", message.time.count() / 1e6, message.text);
  if (IsKernelComplaint(message.text)) result_.complaints.push_back(message.text);
}

void Recorder::HearEnd(const Message& message) {
  if (!own_verdict_) result_.seconds = message.time.count() / 1e6;
  const Verdict by_status =
      message.signal != 0 ? Verdict::kLost : VerdictByExitStatus(message.status);
  result_.verdict = Worse(own_verdict_.value_or(Verdict::kPass), by_status);
  if (message.signal != 0) {
    result_.account = fmt::format("the process was ended by signal {} after {:.1f} s",
                                  message.signal, message.time.count() / 1e6);
  } else if (by_status == Verdict::kLost) {
    result_.account = fmt::format("the process ended with status {}, which stands for no verdict",
                                  message.status);
  } else if (!own_verdict_ && by_status == Verdict::kPass) {
    // A test binary that exits early must not look like one that saw its clauses hold.
    result_.verdict = Verdict::kLost;
    result_.account = "the process ended with status 0, but without a verdict";
  }
}

void Recorder::MachineIsGone(const MachineEnded& end) {
  const bool died = end.cause == MachineEnded::Cause::kKernelDied;
  result_.verdict = died ? Verdict::kKernelDied : Verdict::kLost;
  result_.account = end.why;
  result_.machine_spent = true;
}

TestResult Recorder::Finish() {
  if (!result_.complaints.empty()) {
    result_.verdict = Worse(result_.verdict, Verdict::kFail);
    result_.machine_spent = true;
  }
  for (const Hang& hang : result_.hangs) {
    if (!hang.released) result_.machine_spent = true;
  }
  return std::move(result_);
}

}  // namespace kct
