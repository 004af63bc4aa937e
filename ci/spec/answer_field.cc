// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/answer_field.h"

#include <algorithm>
#include <regex>

#include "harness/base/errno.h"

namespace kct {
namespace {

// The parts of a text, without blanks around them.
std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    const size_t first = std::min(part.find_first_not_of(' '), part.size());
    parts.emplace_back(part.substr(first, part.find_last_not_of(' ') + 1 - first));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// "EINVAL", "32764", "KVM_EXIT_MMIO", "SIGBUS"
bool IsKnown(const std::string& name) {
  static const std::regex other("[0-9]+|KVM_EXIT_[A-Z0-9_]+|SIG[A-Z]+");
  return ErrnoByName(name).has_value() || std::regex_match(name, other);
}

Status CheckOutcome(const std::string& outcome) {
  const std::vector<std::string> parts = Split(outcome, '+');
  const bool right = parts.size() <= 2 && std::ranges::all_of(parts, IsKnown) &&
                     (parts.size() == 1 || parts.back().starts_with("KVM_EXIT_"));
  if (right) return {};
  return MakeError(
      "'{}' is no answer; expected an errno, a number, a signal or a KVM_EXIT_ reason, or two of "
      "them as in EFAULT+KVM_EXIT_MEMORY_FAULT",
      outcome);
}

// `before`: the answer to its left, whose call counts where this one names none.
Result<Answer> ParseAnswer(const std::string& text, const Answer* before) {
  static const std::regex shape(
      R"((?:(KVM_(?!EXIT_)[A-Z0-9_]+\*?(?:\([A-Z0-9_]+\))?|[a-z][a-z0-9_]+) )?(\S+(?: \| \S+)*) when (.+))");
  std::smatch match;
  if (!std::regex_match(text, match, shape)) {
    return MakeError("'{}' is not of the form 'CALL ANSWER when TEXT' or 'CALL A | B when TEXT'",
                     text);
  }
  if (!match[1].matched && before == nullptr) return MakeError("'{}' names no call", text);
  Answer answer{.call = match[1].matched ? match[1].str() : before->call,
                .outcomes = Split(match[2].str(), '|'),
                .when = match[3]};
  for (const std::string& outcome : answer.outcomes) KCT_TRY_STATUS(CheckOutcome(outcome));
  return answer;
}

}  // namespace

Result<std::vector<Answer>> ParseAnswerField(std::string_view value) {
  std::vector<Answer> answers;
  if (value.empty()) return answers;
  for (const std::string& text : Split(value, ';')) {
    KCT_TRY(Answer answer, ParseAnswer(text, answers.empty() ? nullptr : &answers.back()));
    answers.push_back(std::move(answer));
  }
  return answers;
}

std::set<std::string> NamesIn(std::span<const Answer> answers) {
  std::set<std::string> names;
  for (const Answer& answer : answers) {
    for (const std::string& outcome : answer.outcomes) {
      for (const std::string& part : Split(outcome, '+')) {
        if (std::isdigit(static_cast<unsigned char>(part.front())) == 0) names.insert(part);
      }
    }
  }
  return names;
}

}  // namespace kct
