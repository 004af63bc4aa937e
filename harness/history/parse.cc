// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <charconv>

#include "harness/history/text.h"
#include "harness/history/words.h"

namespace kct {
namespace {

using model::Operation;
using model::Outcome;
using model::Phase;
using model::Rules;

// The value of hexadecimal digits after 0x, or of decimal digits; none: it is neither, or too big.
std::optional<uint64_t> NumberOf(std::string_view word) {
  const int base = word.starts_with("0x") ? 16 : 10;
  if (base == 16) word.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// "PRE_FAULT_MEMORY, RUN, …" of a table of words.
template <typename Table>
std::string Listed(const Table& table) {
  std::string list;
  for (const auto& row : table) {
    if (!list.empty()) list += ", ";
    list += row.word;
  }
  return list;
}

// One line: its words from left to right, and errors that say where they are.
class Line {
 public:
  Line(std::string_view file, std::size_t number, std::string_view text)
      : file_(file), number_(number), rest_(text) {
    SkipSpaces();
  }

  bool AtEnd() const { return rest_.empty(); }
  // The next word; empty at the end. A word may be in quotes.
  Result<std::string> Next() {
    word_.clear();
    if (AtEnd()) return word_;
    const std::size_t whole = rest_.size();
    const std::string_view begin = rest_;
    if (rest_.front() == '"') {
      KCT_TRY_STATUS(TakeQuoted());
    } else {
      word_ = rest_.substr(0, rest_.find(' '));
      rest_.remove_prefix(word_.size());
    }
    if (!AtEnd() && rest_.front() != ' ') {
      return Unexpected(begin.substr(0, whole - rest_.size() + 1), "a space after the quotes");
    }
    SkipSpaces();
    return word_;
  }
  Result<std::string> NextOr(std::string_view expected) {
    if (AtEnd()) return Missing(expected);
    return Next();
  }
  Status ExpectEnd() const {
    if (AtEnd()) return {};
    return Unexpected(rest_, "the end of the line");
  }

  // "FILE:LINE: 'WORD': expected WHAT"
  Error Unexpected(std::string_view word, std::string_view what) const {
    return MakeError("{}:{}: '{}': expected {}", file_, number_, word, what);
  }
  Error Missing(std::string_view what) const {
    return MakeError("{}:{}: the end of the line: expected {}", file_, number_, what);
  }

 private:
  void SkipSpaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

  Status TakeQuoted() {
    const std::string_view quoted = rest_;
    rest_.remove_prefix(1);
    while (!AtEnd() && rest_.front() != '"') {
      if (rest_.front() == '\\') {
        rest_.remove_prefix(1);
        KCT_TRY_STATUS(TakeEscaped());
      } else {
        word_ += rest_.front();
        rest_.remove_prefix(1);
      }
    }
    if (AtEnd()) return Unexpected(quoted, "a closing quote");
    rest_.remove_prefix(1);
    return {};
  }

  Status TakeEscaped() {
    if (!AtEnd() && (rest_.front() == '"' || rest_.front() == '\\')) {
      word_ += rest_.front();
      rest_.remove_prefix(1);
      return {};
    }
    uint8_t byte = 0;
    const char* const digits = rest_.data() + 1;
    const bool long_enough = rest_.size() >= 3 && rest_.front() == 'x';
    if (!long_enough || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) {
      return Unexpected("\\" + std::string(rest_.substr(0, 3)), "\\\", \\\\ or \\xNN");
    }
    word_ += static_cast<char>(byte);
    rest_.remove_prefix(3);
    return {};
  }

  std::string_view file_;
  std::size_t number_;
  std::string_view rest_;
  std::string word_;
};

// Which keys a line has given.
class Given {
 public:
  Status Add(const Line& line, std::string_view key, std::string_view word) {
    if (Has(key)) return line.Unexpected(word, fmt::format("{} once", key));
    keys_.push_back(key);
    return {};
  }
  bool Has(std::string_view key) const {
    return std::find(keys_.begin(), keys_.end(), key) != keys_.end();
  }

 private:
  std::vector<std::string_view> keys_;
};

enum class Taken { kYes, kNo };

// Sets what "KEY=NUMBER" says, if KEY is in the table.
template <typename Table, typename Owner>
Result<Taken> TakeNumber(const Line& line, std::string_view word, const Table& table, Owner& owner,
                         Given& given) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return Taken::kNo;
  for (const auto& row : table) {
    if (row.key != word.substr(0, equals)) continue;
    const std::optional<uint64_t> value = NumberOf(word.substr(equals + 1));
    if (!value || *value > row.most) {
      return line.Unexpected(word, fmt::format("a number up to {:#x}", row.most));
    }
    KCT_TRY_STATUS(given.Add(line, row.key, word));
    row.set(owner, *value);
    return Taken::kYes;
  }
  return Taken::kNo;
}

template <typename Table, typename Owner>
Taken TakeMark(std::string_view word, const Table& table, Owner& owner) {
  for (const auto& mark : table) {
    if (mark.word != word) continue;
    owner.*mark.member = true;
    return Taken::kYes;
  }
  return Taken::kNo;
}

std::string Keys(std::span<const OperationField> fields) {
  std::string keys;
  for (const OperationField& field : fields) keys += fmt::format("{}=…, ", field.key);
  return keys + Listed(OperationMarks());
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  Result<std::vector<Recording>> Run() {
    KCT_TRY_STATUS(TakeHeader());
    while (std::optional<Line> line = NextLine()) {
      KCT_TRY(const std::string word, line->Next());
      KCT_TRY_STATUS(TakeLine(word, *line));
      KCT_TRY_STATUS(line->ExpectEnd());
    }
    KCT_TRY_STATUS(FinishVm());
    if (recordings_.empty()) return EndOfFile("'vm'");
    return std::move(recordings_);
  }

 private:
  // The next line that is neither empty nor a comment; none: there is none.
  std::optional<Line> NextLine() {
    while (!rest_.empty()) {
      const std::string_view text = rest_.substr(0, rest_.find('\n'));
      rest_.remove_prefix(std::min(text.size() + 1, rest_.size()));
      ++number_;
      const Line line(name_, number_, text);
      if (!line.AtEnd() && !text.starts_with('#')) return line;
    }
    return std::nullopt;
  }
  Error EndOfFile(std::string_view expected) const {
    return MakeError("{}:{}: the end of the file: expected {}", name_, number_ + 1, expected);
  }

  Status TakeHeader() {
    KCT_TRY(const std::string version, HeaderField("kct-history", "a version"));
    if (version != "1") {
      return Line(name_, number_, "")
          .Unexpected(version, "the version of the format that is known, 1");
    }
    KCT_TRY(header_.test, HeaderField("test", "the name of a test"));
    KCT_TRY(header_.kernel, HeaderField("kernel", "the release of a kernel"));
    KCT_TRY(const std::string seed, HeaderField("seed", "a number"));
    const std::optional<uint64_t> number = NumberOf(seed);
    if (!number) return Line(name_, number_, "").Unexpected(seed, "a number");
    header_.seed = *number;
    return {};
  }

  Result<std::string> HeaderField(std::string_view key, std::string_view what) {
    std::optional<Line> line = NextLine();
    if (!line) return EndOfFile(fmt::format("'{}'", key));
    KCT_TRY(const std::string word, line->Next());
    if (word != key) return line->Unexpected(word, fmt::format("'{}'", key));
    KCT_TRY(std::string value, line->NextOr(what));
    KCT_TRY_STATUS(line->ExpectEnd());
    return value;
  }

  Status TakeLine(std::string_view word, Line& line) {
    if (word == "vm") return BeginVm();
    if (word == "ticks-per-us") return TakeTickRate(line);
    if (recordings_.empty()) return line.Unexpected(word, "'vm'");
    if (word == "rules") return TakeRules(line);
    if (!has_rules_) return line.Unexpected(word, "'rules', first of a VM");
    if (word == "lane") return TakeLane(line);
    if (word.starts_with('@')) return TakeCall(word, line);
    if (word == "seen") return TakeSighting(line);
    if (word == "text") return TakeText(line);
    if (word == "note") return TakeNote(line);
    if (word == "truncated") {
      vm().truncated = true;
      return {};
    }
    return line.Unexpected(word,
                           "'lane', '@BEGIN..END', 'seen', 'text', 'note', 'truncated' or 'vm'");
  }

  Status TakeTickRate(Line& line) {
    if (!recordings_.empty()) return line.Unexpected("ticks-per-us", "it before the first VM");
    KCT_TRY(const std::string word, line.NextOr("a number"));
    const std::optional<uint64_t> rate = NumberOf(word);
    if (!rate || *rate == 0 || *rate > UINT32_MAX) {
      return line.Unexpected(word, "a number from 1 to 0xffffffff");
    }
    header_.ticks_per_us = static_cast<uint32_t>(*rate);
    return {};
  }

  Recording& vm() { return recordings_.back(); }

  Status BeginVm() {
    KCT_TRY_STATUS(FinishVm());
    recordings_.push_back(header_);
    has_rules_ = false;
    return {};
  }

  Status FinishVm() {
    if (recordings_.empty()) return {};
    if (!has_rules_) return EndOfFile("'rules', first of a VM");
    std::stable_sort(vm().sightings.begin(), vm().sightings.end(),
                     [](const Sighting& a, const Sighting& b) { return a.time < b.time; });
    return {};
  }

  Status TakeRules(Line& line) {
    if (has_rules_) return line.Unexpected("rules", "them once for each VM");
    has_rules_ = true;
    Rules& rules = vm().rules;
    for (const auto& mark : RuleMarks()) rules.*mark.member = false;
    Given given;
    while (!line.AtEnd()) {
      KCT_TRY(const std::string word, line.Next());
      if (TakeMark(word, RuleMarks(), rules) == Taken::kYes) continue;
      KCT_TRY(const Taken taken, TakeNumber(line, word, RuleNumbers(), rules, given));
      if (taken == Taken::kNo) {
        std::string known = Listed(RuleMarks());
        for (const auto& number : RuleNumbers()) known += fmt::format(", {}=…", number.key);
        return line.Unexpected(word, known);
      }
    }
    return {};
  }

  Status TakeLane(Line& line) {
    KCT_TRY(std::string name, line.NextOr("the name of a lane"));
    auto& lanes = vm().lanes;
    if (std::find(lanes.begin(), lanes.end(), name) != lanes.end()) {
      return line.Unexpected(name, "a lane that this VM does not have yet");
    }
    lanes.push_back(std::move(name));
    return {};
  }

  Status TakeCall(std::string_view times, Line& line) {
    RecordedCall call;
    KCT_TRY_STATUS(TakeTimes(times, line, call));
    KCT_TRY(const std::string name, line.NextOr("the name of a lane"));
    const auto& lanes = vm().lanes;
    const auto lane = std::find(lanes.begin(), lanes.end(), name);
    if (lane == lanes.end()) return line.Unexpected(name, "a lane of this VM");
    call.lane = static_cast<uint32_t>(lane - lanes.begin());
    KCT_TRY_STATUS(TakeOperation(line, call));
    vm().calls.push_back(std::move(call));
    return {};
  }

  Status TakeTimes(std::string_view times, const Line& line, RecordedCall& call) {
    const std::size_t dots = times.find("..");
    const std::optional<uint64_t> begin =
        dots == std::string_view::npos ? std::nullopt : NumberOf(times.substr(1, dots - 1));
    const std::string_view after = begin ? times.substr(dots + 2) : "";
    const std::optional<uint64_t> end = NumberOf(after);
    if (!begin || (!end && after != kStillUnderWay)) {
      return line.Unexpected(times, "'@BEGIN..END' or '@BEGIN..…'");
    }
    call.begin = *begin;
    call.end = end.value_or(0);
    call.returned = end.has_value();
    return {};
  }

  // The operation, and behind "->" what came back.
  Status TakeOperation(Line& line, RecordedCall& call) {
    KCT_TRY(const std::string name, line.NextOr("an operation"));
    const auto words = OperationWords();
    const auto word = std::find_if(words.begin(), words.end(),
                                   [&](const OperationWord& one) { return one.word == name; });
    if (word == words.end()) return line.Unexpected(name, "an operation: " + Listed(words));
    call.op = word->of;
    Given given;
    bool answered = false;
    while (!answered && !line.AtEnd()) {
      KCT_TRY(const std::string next, line.Next());
      answered = next == "->";
      if (answered || TakeMark(next, OperationMarks(), call.op) == Taken::kYes ||
          TakeMark(next, CallMarks(), call) == Taken::kYes) {
        continue;
      }
      KCT_TRY(const Taken taken, TakeNumber(line, next, word->fields, call.op, given));
      if (taken == Taken::kNo) {
        return line.Unexpected(next, fmt::format("of {}: {}, or '->'", name, Keys(word->fields)));
      }
    }
    for (const OperationField& field : word->fields) {
      if (field.when == OperationField::Written::kAlways && !given.Has(field.key)) {
        return answered ? line.Unexpected("->", fmt::format("{}=… before it", field.key))
                        : line.Missing(fmt::format("{}=…", field.key));
      }
    }
    if (answered != call.returned) {
      return answered ? line.Unexpected("->", "no answer of a call that did not return")
                      : line.Missing("'->' and an answer");
    }
    return answered ? TakeOutcome(line, call) : Status();
  }

  Status TakeOutcome(Line& line, RecordedCall& call) {
    KCT_TRY(const std::string error, line.NextOr("0 or an errno"));
    const std::optional<Errno> number = ErrnoOf(error);
    if (!number) return line.Unexpected(error, "0 or an errno");
    call.seen.error = *number;
    FillInRemainder(call.op, call.seen);
    Given given;
    while (!line.AtEnd()) {
      KCT_TRY(const std::string word, line.Next());
      if (TakeMark(word, OutcomeMarks(), call.seen) == Taken::kYes ||
          TakeMark(word, CallMarks(), call) == Taken::kYes) {
        continue;
      }
      KCT_TRY(const Taken taken, TakeNumber(line, word, OutcomeNumbers(), call.seen, given));
      if (taken == Taken::kNo) {
        std::string known = Listed(OutcomeMarks()) + ", " + Listed(CallMarks());
        for (const auto& row : OutcomeNumbers()) known += fmt::format(", {}=…", row.key);
        return line.Unexpected(word, "of an answer: " + known);
      }
    }
    return {};
  }

  Status TakeSighting(Line& line) {
    if (vm().calls.empty()) return line.Unexpected("seen", "a call before it");
    KCT_TRY(const std::string at, line.NextOr("@TIME"));
    const std::optional<uint64_t> time =
        at.starts_with('@') ? NumberOf(std::string_view(at).substr(1)) : std::nullopt;
    if (!time) return line.Unexpected(at, "@TIME");
    KCT_TRY(const std::string word, line.NextOr("a phase"));
    const std::optional<Phase> phase = PhaseOf(word);
    if (!phase) return line.Unexpected(word, "a phase: " + Listed(PhaseWords()));
    vm().sightings.push_back({static_cast<uint32_t>(vm().calls.size() - 1), *time, *phase});
    return {};
  }

  Status TakeText(Line& line) {
    if (vm().calls.empty()) return line.Unexpected("text", "a call before it");
    KCT_TRY(vm().calls.back().text, line.NextOr("the call in words"));
    return {};
  }

  Status TakeNote(Line& line) {
    KCT_TRY(std::string note, line.NextOr("what happened"));
    vm().unjudged.push_back(std::move(note));
    return {};
  }

  std::string_view rest_;
  std::string_view name_;
  std::size_t number_ = 0;
  Recording header_;  // what all VMs of the file share
  std::vector<Recording> recordings_;
  bool has_rules_ = false;
};

}  // namespace

Result<std::vector<Recording>> ParseHistory(std::string_view text, std::string_view name) {
  return Parser(text, name).Run();
}

}  // namespace kct
