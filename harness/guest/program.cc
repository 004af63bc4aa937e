// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/program.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "harness/base/check.h"

namespace kct {

using guest::Op;
using guest::OpCode;
using guest::OpStatus;

Program& Program::Append(const Op& op) {
  ops_.push_back(op);
  return *this;
}

Program& Program::Read8(Gpa gpa) {
  return Append({.code = OpCode::kRead, .width = 1, .gpa = gpa.value});
}
Program& Program::Read16(Gpa gpa) {
  return Append({.code = OpCode::kRead, .width = 2, .gpa = gpa.value});
}
Program& Program::Read32(Gpa gpa) {
  return Append({.code = OpCode::kRead, .width = 4, .gpa = gpa.value});
}
Program& Program::Read64(Gpa gpa) {
  return Append({.code = OpCode::kRead, .width = 8, .gpa = gpa.value});
}

Program& Program::Write8(Gpa gpa, uint8_t value) {
  return Append({.code = OpCode::kWrite, .width = 1, .gpa = gpa.value, .value = value});
}
Program& Program::Write16(Gpa gpa, uint16_t value) {
  return Append({.code = OpCode::kWrite, .width = 2, .gpa = gpa.value, .value = value});
}
Program& Program::Write32(Gpa gpa, uint32_t value) {
  return Append({.code = OpCode::kWrite, .width = 4, .gpa = gpa.value, .value = value});
}
Program& Program::Write64(Gpa gpa, uint64_t value) {
  return Append({.code = OpCode::kWrite, .width = 8, .gpa = gpa.value, .value = value});
}

Program& Program::Touch(GpaRange range) {
  return Append(
      {.code = OpCode::kTouch, .width = 8, .gpa = range.start.value, .size = range.size.count});
}
Program& Program::WriteTouch(GpaRange range, uint64_t value) {
  return Append({.code = OpCode::kWriteTouch,
                 .width = 8,
                 .gpa = range.start.value,
                 .value = value,
                 .size = range.size.count});
}
Program& Program::Fill(GpaRange range, uint64_t value) {
  return Append({.code = OpCode::kFill,
                 .width = 8,
                 .gpa = range.start.value,
                 .value = value,
                 .size = range.size.count});
}
Program& Program::Checksum(GpaRange range) {
  return Append(
      {.code = OpCode::kChecksum, .width = 8, .gpa = range.start.value, .size = range.size.count});
}

Program& Program::CompareAndSwap(Gpa gpa, uint64_t old, uint64_t desired) {
  return Append(
      {.code = OpCode::kSwap, .width = 8, .gpa = gpa.value, .value = desired, .args = {old}});
}
Program& Program::AtomicAdd(Gpa gpa, uint64_t addend) {
  return Append({.code = OpCode::kAdd, .width = 8, .gpa = gpa.value, .value = addend});
}
Program& Program::Move(Gpa target, Gpa source, Bytes size, uint32_t width) {
  return Append({.code = OpCode::kMove,
                 .width = width,
                 .gpa = target.value,
                 .size = size.count,
                 .args = {source.value}});
}

Program& Program::Execute(Gpa gpa) { return Append({.code = OpCode::kExecute, .gpa = gpa.value}); }
Program& Program::Plant(Gpa gpa, uint32_t answer) {
  return Append({.code = OpCode::kPlant, .gpa = gpa.value, .value = answer});
}
Program& Program::InvalidatePage(Gpa gpa) {
  return Append({.code = OpCode::kInvalidate, .gpa = gpa.value});
}
Program& Program::ReloadCr3() { return Append({.code = OpCode::kReloadCr3}); }

Program& Program::SpinUntil(Gpa gpa, uint64_t value) {
  return Append({.code = OpCode::kSpinUntil, .width = 8, .gpa = gpa.value, .value = value});
}
Program& Program::SpinUntilFlag() { return Append({.code = OpCode::kSpinUntilFlag}); }
Program& Program::Stamp() { return Append({.code = OpCode::kStamp}); }

Program& Program::LoopStart() {
  loop_starts_.push_back(ops_.size());
  return *this;
}

Program& Program::AppendRepeat(uint64_t times) {
  std::size_t start = 0;
  if (!loop_starts_.empty()) {
    start = loop_starts_.back();
    loop_starts_.pop_back();
  }
  return Append({.code = OpCode::kRepeat, .value = times, .args = {ops_.size() - start}});
}

Program& Program::Repeat(uint64_t times) {
  KCT_CHECK(times > 0);
  return AppendRepeat(times);
}
Program& Program::RepeatUntilFlag() { return AppendRepeat(0); }

Program& Program::Hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3) {
  return Append({.code = OpCode::kHypercall, .value = number, .args = {a0, a1, a2, a3}});
}
Program& Program::Out(uint16_t port, uint32_t value, uint32_t width) {
  return Append({.code = OpCode::kOut, .width = width, .value = value, .args = {port}});
}
Program& Program::In(uint16_t port, uint32_t width) {
  return Append({.code = OpCode::kIn, .width = width, .args = {port}});
}
Program& Program::OutString(uint16_t port, Gpa source, Bytes size, uint32_t width) {
  return Append({.code = OpCode::kOutString,
                 .width = width,
                 .gpa = source.value,
                 .size = size.count,
                 .args = {port}});
}
Program& Program::InString(uint16_t port, Gpa target, Bytes size, uint32_t width) {
  return Append({.code = OpCode::kInString,
                 .width = width,
                 .gpa = target.value,
                 .size = size.count,
                 .args = {port}});
}
Program& Program::Halt() { return Append({.code = OpCode::kHalt}); }

Program& Program::ExpectOneOf(uint64_t value, uint64_t other) {
  KCT_CHECK(!ops_.empty());
  Op& op = ops_.back();
  op.expect = guest::Expect::kOneOf;
  op.expected[0] = value;
  op.expected[1] = other;
  return *this;
}

// ------- Printing --------------------------------------------------------------------------------

std::string NameOf(OpCode code) {
  static constexpr std::array<std::pair<OpCode, std::string_view>, 23> kNames{{
      {OpCode::kRead, "read"},
      {OpCode::kWrite, "write"},
      {OpCode::kTouch, "touch"},
      {OpCode::kWriteTouch, "write-touch"},
      {OpCode::kFill, "fill"},
      {OpCode::kChecksum, "checksum"},
      {OpCode::kSwap, "compare-and-swap"},
      {OpCode::kAdd, "atomic-add"},
      {OpCode::kMove, "move"},
      {OpCode::kExecute, "execute"},
      {OpCode::kPlant, "plant"},
      {OpCode::kSpinUntil, "spin-until"},
      {OpCode::kSpinUntilFlag, "spin-until-flag"},
      {OpCode::kStamp, "stamp"},
      {OpCode::kRepeat, "repeat"},
      {OpCode::kHypercall, "hypercall"},
      {OpCode::kOut, "out"},
      {OpCode::kIn, "in"},
      {OpCode::kOutString, "out-string"},
      {OpCode::kInString, "in-string"},
      {OpCode::kHalt, "halt"},
      {OpCode::kInvalidate, "invalidate"},
      {OpCode::kReloadCr3, "reload-cr3"},
  }};
  for (const auto& [known, name] : kNames) {
    if (known == code) return std::string(name);
  }
  return fmt::format("op {}", static_cast<uint32_t>(code));
}

std::string ToString(const Op& op) {
  std::string text = NameOf(op.code);
  if (op.width != 0) text += fmt::format(" width={}", op.width);
  if (op.gpa != 0) text += fmt::format(" gpa={:#x}", op.gpa);
  if (op.size != 0) text += fmt::format(" size={:#x}", op.size);
  if (op.value != 0) text += fmt::format(" value={:#x}", op.value);
  for (const uint64_t arg : op.args) {
    if (arg != 0) text += fmt::format(" arg={:#x}", arg);
  }
  return text;
}

std::string Program::ToString() const {
  std::string text;
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : "; ", i, kct::ToString(ops_[i]));
  }
  return text;
}

std::string ToString(const guest::OpResult& result) {
  const auto summary = [&](std::string_view status) {
    std::string text = fmt::format("{} value={:#x} count={} runs={}", status, result.value,
                                   result.count, result.runs);
    if (result.unexpected != 0) {
      text += fmt::format(" unexpected={} (first {:#x} at {:#x})", result.unexpected,
                          result.unexpected_value, result.unexpected_gpa);
    }
    return text;
  };
  switch (result.status) {
    case OpStatus::kNotRun:
      return "not run";
    case OpStatus::kOk:
      return summary("ok");
    case OpStatus::kStopped:
      return summary("stopped by the flag");
    case OpStatus::kUnknownOp:
      return "unknown to the guest";
    case OpStatus::kFault:
      return fmt::format("{} vector={} error={:#x} cr2={:#x} rip={:#x}", summary("fault"),
                         result.vector, result.error_code, result.cr2, result.rip);
  }
  return fmt::format("status {}", static_cast<uint32_t>(result.status));
}

}  // namespace kct
