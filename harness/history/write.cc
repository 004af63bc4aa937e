// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "harness/base/check.h"
#include "harness/history/text.h"
#include "harness/history/words.h"

namespace kct {
namespace {

using model::Operation;
using model::Outcome;

template <typename... Args>
void Add(std::string& text, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(text), format, std::forward<Args>(args)...);
}

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::string_view("._+-/~:#").find(c) != std::string_view::npos);
}

// As it is if that is one plain word, otherwise in quotes.
void AddString(std::string& text, std::string_view string) {
  if (!string.empty() && std::all_of(string.begin(), string.end(), IsPlain)) {
    text += string;
    return;
  }
  text += '"';
  for (const char c : string) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      Add(text, "\\x{:02x}", static_cast<unsigned>(c));
    } else {
      text += c;
    }
  }
  text += '"';
}

void AddOperation(std::string& text, const Operation& op) {
  static constexpr Operation kNew;
  const OperationWord& word = WordOf(op);
  text += word.word;
  for (const OperationField& field : word.fields) {
    const uint64_t value = field.get(op);
    if (field.when == OperationField::Written::kAlways || value != field.get(kNew)) {
      Add(text, " {}={:#x}", field.key, value);
    }
  }
  for (const auto& mark : OperationMarks()) {
    if (op.*mark.member) Add(text, " {}", mark.word);
  }
}

void AddOutcome(std::string& text, const Operation& op, const Outcome& seen) {
  text += ErrnoWord(seen.error);
  Outcome expected{.error = seen.error};
  FillInRemainder(op, expected);
  for (const auto& number : OutcomeNumbers()) {
    if (number.get(seen) != number.get(expected)) {
      Add(text, " {}={:#x}", number.key, number.get(seen));
    }
  }
  for (const auto& mark : OutcomeMarks()) {
    if (seen.*mark.member) Add(text, " {}", mark.word);
  }
}

void AddCall(std::string& text, const RecordedCall& call) {
  AddOperation(text, call.op);
  if (call.returned) {
    text += " -> ";
    AddOutcome(text, call.op, call.seen);
  }
  for (const auto& mark : CallMarks()) {
    if (call.*mark.member) Add(text, " {}", mark.word);
  }
}

void AddRecording(std::string& text, const Recording& recording) {
  text += "vm\nrules";
  for (const auto& mark : RuleMarks()) {
    if (recording.rules.*mark.member) Add(text, " {}", mark.word);
  }
  for (const auto& number : RuleNumbers()) {
    Add(text, " {}={:#x}", number.key, number.get(recording.rules));
  }
  text += '\n';
  for (const std::string& lane : recording.lanes) {
    text += "lane ";
    AddString(text, lane);
    text += '\n';
  }
  std::vector<Sighting> sightings = recording.sightings;
  std::stable_sort(sightings.begin(), sightings.end(), [](const Sighting& a, const Sighting& b) {
    return a.call != b.call ? a.call < b.call : a.time < b.time;
  });
  auto sighting = sightings.begin();
  for (uint32_t i = 0; i < recording.calls.size(); ++i) {
    const RecordedCall& call = recording.calls[i];
    Add(text, "@{}..", call.begin);
    if (call.returned) {
      Add(text, "{} ", call.end);
    } else {
      Add(text, "{} ", kStillUnderWay);
    }
    AddString(text, recording.lanes[call.lane]);
    text += ' ';
    AddCall(text, call);
    text += '\n';
    for (; sighting != sightings.end() && sighting->call == i; ++sighting) {
      Add(text, " seen @{} {}\n", sighting->time, Word(sighting->phase));
    }
    if (!call.text.empty()) {
      text += " text ";
      AddString(text, call.text);
      text += '\n';
    }
  }
  for (const std::string& note : recording.unjudged) {
    text += "note ";
    AddString(text, note);
    text += '\n';
  }
  if (recording.truncated) text += "truncated\n";
}

}  // namespace

std::string WriteHistory(std::span<const Recording> recordings) {
  if (recordings.empty()) return "";
  const Recording& first = recordings.front();
  std::string text = "kct-history 1\ntest ";
  AddString(text, first.test);
  text += "\nkernel ";
  AddString(text, first.kernel);
  Add(text, "\nseed {:#x}\n", first.seed);
  if (first.ticks_per_us != 0) Add(text, "ticks-per-us {}\n", first.ticks_per_us);
  for (const Recording& recording : recordings) {
    KCT_CHECK(recording.test == first.test && recording.kernel == first.kernel &&
              recording.seed == first.seed && recording.ticks_per_us == first.ticks_per_us);
    AddRecording(text, recording);
  }
  return text;
}

std::string CallText(const RecordedCall& call) {
  std::string text;
  AddCall(text, call);
  return text;
}

}  // namespace kct
