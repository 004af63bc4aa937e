// SPDX-License-Identifier: GPL-2.0-only
// The words of the text format (text.h): one table for writing and reading.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/history/recording.h"
#include "harness/model/operation.h"
#include "harness/model/rules.h"
#include "harness/model/step.h"

namespace kct {

// A number of an operation: "gpa=0x1000".
struct OperationField {
  std::string_view key;
  uint64_t (*get)(const model::Operation&);
  void (*set)(model::Operation&, uint64_t);
  uint64_t most;                                        // the greatest value it can hold
  enum class Written { kAlways, kUnlessDefault } when;  // default: as in a new Operation
};

// What an operation is called, and what of it is written.
struct OperationWord {
  std::string_view word;
  model::Operation of;  // kind, access and version
  std::span<const OperationField> fields;
};
std::span<const OperationWord> OperationWords();
const OperationWord& WordOf(const model::Operation& op);

// A property of an operation or an outcome: a word that is there, or not.
template <typename Owner>
struct Mark {
  std::string_view word;
  bool Owner::*member;
};
std::span<const Mark<model::Operation>> OperationMarks();
std::span<const Mark<model::Outcome>> OutcomeMarks();
std::span<const Mark<model::Rules>> RuleMarks();
std::span<const Mark<RecordedCall>> CallMarks();

// A number of an outcome or of the rules.
template <typename Owner>
struct Number {
  std::string_view key;
  uint64_t (*get)(const Owner&);
  void (*set)(Owner&, uint64_t);
  uint64_t most;
};
std::span<const Number<model::Outcome>> OutcomeNumbers();
std::span<const Number<model::Rules>> RuleNumbers();

// What a prefault writes back, where it follows from the answer: all was done, or nothing.
void FillInRemainder(const model::Operation& op, model::Outcome& seen);

struct PhaseWord {
  std::string_view word;  // "reading"
  model::Phase of;
};
std::span<const PhaseWord> PhaseWords();
std::string_view Word(model::Phase phase);
std::optional<model::Phase> PhaseOf(std::string_view word);

// Where a call has no end.
inline constexpr std::string_view kStillUnderWay = "…";

// "EAGAIN", "0"; "ERRNO4242" for a number without a name.
std::string ErrnoWord(Errno error);
std::optional<Errno> ErrnoOf(std::string_view word);

}  // namespace kct
