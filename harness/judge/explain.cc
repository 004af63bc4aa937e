// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/history/text.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

using model::Kind;

void AddCallLine(const Recording& recording, const Judgement& judgement, uint32_t index,
                 std::size_t lane_width, std::string& text) {
  const RecordedCall& call = recording.calls[index];
  const char mark = FindInCore(judgement, index) != nullptr ? '>' : ' ';
  text +=
      fmt::format("  {} {:>12} .. {:<12} {:<{}}  {}{}\n", mark, TimeText(recording, call.begin),
                  call.returned ? TimeText(recording, call.end) : "", recording.lanes[call.lane],
                  lane_width, CallText(call), call.returned ? "" : " (never returned)");
  for (const Sighting& sighting : recording.sightings) {
    if (sighting.call != index) continue;
    text +=
        fmt::format("    {:>12}    {:<12} {:<{}}    seen: {}\n", TimeText(recording, sighting.time),
                    "", "", lane_width, Describe(sighting.phase));
  }
}

std::string Joined(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

void AddReason(const Recording& recording, const CoreCall& core, std::string& text) {
  const RecordedCall& call = recording.calls[core.call];
  text += fmt::format("  {} at {}: {}; ", recording.lanes[call.lane],
                      TimeText(recording, call.begin), AnswerText(call));
  text += core.allowed.empty() ? std::string("the model allows no answer here\n")
                               : fmt::format("the model allows {}\n", Joined(core.allowed, ", "));
  for (const std::string& id : core.clauses) {
    const Clause* clause = FindClause(id);
    text += clause == nullptr
                ? fmt::format("    {}\n", id)
                : fmt::format("    {}  {} ({})\n", id, clause->title, Name(clause->standing));
  }
}

std::size_t Judged(const Recording& recording) {
  return static_cast<std::size_t>(
      std::count_if(recording.calls.begin(), recording.calls.end(),
                    [](const RecordedCall& call) { return !call.refused && !call.any_answer; }));
}

std::string Contradiction(const Recording& recording, const Judgement& judgement) {
  std::string text = judgement.core.size() == 1
                         ? "contradicted: this answer can't be explained\n\n"
                         : fmt::format("contradicted: these {} answers can't all be right\n\n",
                                       judgement.core.size());
  std::size_t lane_width = 0;
  for (uint32_t call : CallsToShow(judgement)) {
    lane_width = std::max(lane_width, recording.lanes[recording.calls[call].lane].size());
  }
  for (uint32_t call : CallsToShow(judgement)) {
    AddCallLine(recording, judgement, call, lane_width, text);
  }
  text += fmt::format("  times in {}\n\n", TimeUnit(recording));
  for (const CoreCall& core : judgement.core) AddReason(recording, core, text);
  if (!judgement.core_is_minimal) {
    text += "  There may be a smaller core: the search for it was cut short.\n";
  }
  return text;
}

}  // namespace

std::string Explain(const Recording& recording, const Judgement& judgement) {
  std::string text;
  switch (judgement.answer) {
    case Answer::kExplained:
      text = fmt::format("explained: {} of {} calls judged\n", Judged(recording),
                         recording.calls.size());
      break;
    case Answer::kContradicted:
      text = Contradiction(recording, judgement);
      break;
    case Answer::kGaveUp:
      text = fmt::format("gave up: {}\n", judgement.why);
      break;
  }
  for (const std::string& note : recording.unjudged) {
    text += fmt::format("  not judged: {}\n", note);
  }
  return text;
}

std::string TimeText(const Recording& recording, uint64_t ticks) {
  const uint32_t rate = recording.ticks_per_us == 0 ? 1000 : recording.ticks_per_us;
  return fmt::format("{:.3f}", static_cast<double>(ticks) / rate);
}

std::string_view TimeUnit(const Recording& recording) {
  return recording.ticks_per_us == 0 ? "1000 ticks" : "µs";
}

std::string AnswerText(const RecordedCall& call) {
  const model::Outcome& seen = call.seen;
  if (!call.returned) return "no answer";
  if (seen.error != Errno()) return seen.error.Name();
  if (call.op.kind == Kind::kPreFault && seen.left != 0) {
    return fmt::format("0, {:#x} left", seen.left);
  }
  if (call.op.kind == Kind::kGetDirtyLog) return fmt::format("0, bits {:#x}", seen.value);
  if (call.op.kind != Kind::kAccess) return "0";
  if (seen.mmio) return "MMIO";
  const bool reads = call.op.access != model::Access::kWrite && call.op.size != 0;
  return reads ? fmt::format("the word {:#x}", seen.value) : "done";
}

std::vector<uint32_t> CallsToShow(const Judgement& judgement) {
  std::vector<uint32_t> calls = judgement.context;
  for (const CoreCall& core : judgement.core) calls.push_back(core.call);
  std::sort(calls.begin(), calls.end());
  return calls;
}

const CoreCall* FindInCore(const Judgement& judgement, uint32_t call) {
  const auto found = std::find_if(judgement.core.begin(), judgement.core.end(),
                                  [&](const CoreCall& core) { return core.call == call; });
  return found == judgement.core.end() ? nullptr : &*found;
}

}  // namespace kct
