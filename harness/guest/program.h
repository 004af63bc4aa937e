// SPDX-License-Identifier: GPL-2.0-only
// Program: what the interpreter is to do, one operation after the other.
//
//   Program program;
//   program.Write64(gpa, 7).Read64(gpa).Expect(7).Touch(slot.range());
//
//   Program reader;                       // reads until cpu.RaiseFlag()
//   reader.Read64(gpa).ExpectOneOf(7, kAnsweredByHost).RepeatUntilFlag();
//
// Each operation has a result at the same index (guest::OpResult in guest/abi.h). What an
// operation does with its fields is in the table of guest::OpCode.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest/abi.h"
#include "harness/base/units.h"

namespace kct {

class Program {
 public:
  // --- memory ---------------------------------------------------------------------------------
  Program& Read8(Gpa gpa);
  Program& Read16(Gpa gpa);
  Program& Read32(Gpa gpa);
  Program& Read64(Gpa gpa);
  Program& Write8(Gpa gpa, uint8_t value);
  Program& Write16(Gpa gpa, uint16_t value);
  Program& Write32(Gpa gpa, uint32_t value);
  Program& Write64(Gpa gpa, uint64_t value);
  // A 64-bit word at the start of each page of the range.
  Program& Touch(GpaRange range);
  Program& WriteTouch(GpaRange range, uint64_t value);
  // Each 64-bit word of the range.
  Program& Fill(GpaRange range, uint64_t value);
  Program& Checksum(GpaRange range);  // value: folded with guest::ChecksumStep
  Program& CompareAndSwap(Gpa gpa, uint64_t old, uint64_t desired);
  Program& AtomicAdd(Gpa gpa, uint64_t addend);
  // REP MOVS of words of `width` (1, 2, 4, 8) bytes.
  Program& Move(Gpa target, Gpa source, Bytes size, uint32_t width = 8);
  Program& Execute(Gpa gpa);                 // calls a function; value: its 32-bit answer
  Program& Plant(Gpa gpa, uint32_t answer);  // writes a function for Execute
  Program& InvalidatePage(Gpa gpa);
  Program& ReloadCr3();

  // --- waiting, time, loops -------------------------------------------------------------------
  // Wait until the 64-bit word equals `value`; the host's flag ends it with kStopped.
  Program& SpinUntil(Gpa gpa, uint64_t value);
  Program& SpinUntilFlag();
  Program& Stamp();
  // The next Repeat goes back to here, not to the start of the program.
  Program& LoopStart();
  // Everything since LoopStart, `times` times in all. REQUIRES: times > 0
  Program& Repeat(uint64_t times);
  Program& RepeatUntilFlag();

  // --- exits ----------------------------------------------------------------------------------
  Program& Hypercall(uint64_t number, uint64_t a0 = 0, uint64_t a1 = 0, uint64_t a2 = 0,
                     uint64_t a3 = 0);
  Program& Out(uint16_t port, uint32_t value, uint32_t width = 4);
  Program& In(uint16_t port, uint32_t width = 4);
  // REP OUTS and REP INS of words of `width` (1, 2, 4) bytes.
  Program& OutString(uint16_t port, Gpa source, Bytes size, uint32_t width = 1);
  Program& InString(uint16_t port, Gpa target, Bytes size, uint32_t width = 1);
  Program& Halt();

  // --- about the operation added last ---------------------------------------------------------
  // Values read that are none of these are counted as unexpected, the first one is kept.
  Program& Expect(uint64_t value) { return ExpectOneOf(value, value); }
  Program& ExpectOneOf(uint64_t value, uint64_t other);
  // The index of the operation added last, for results().
  std::size_t last() const { return ops_.size() - 1; }

  std::span<const guest::Op> ops() const { return ops_; }
  // "0 write64 gpa=0x1000 value=0x7; 1 …"
  std::string ToString() const;

 private:
  Program& Append(const guest::Op& op);
  Program& AppendRepeat(uint64_t times);

  std::vector<guest::Op> ops_;
  std::vector<std::size_t> loop_starts_;
};

// "read", "compare-and-swap"; "op 4242" for a number that is none.
std::string NameOf(guest::OpCode code);
// "write width=8 gpa=0x1000 value=0x7".
std::string ToString(const guest::Op& op);
// "ok value=0x7 count=1", "fault vector=14 …": for messages.
std::string ToString(const guest::OpResult& result);

}  // namespace kct
