// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/program.h"

#include <gtest/gtest.h>

namespace kct {
namespace {

using guest::Op;
using guest::OpCode;

TEST(Program, KeepsTheOrderOfItsOperations) {
  const Program program = Program().Write64({8}, 1).Read64({8}).Halt();
  ASSERT_EQ(program.ops().size(), 3u);
  EXPECT_EQ(program.ops()[0].code, OpCode::kWrite);
  EXPECT_EQ(program.ops()[1].code, OpCode::kRead);
  EXPECT_EQ(program.ops()[2].code, OpCode::kHalt);
  EXPECT_EQ(program.last(), 2u);
}

TEST(Program, EncodesAddressValueAndWidth) {
  const Program program = Program().Write16({0x1000}, 0x1234);
  const Op& op = program.ops()[0];
  EXPECT_EQ(op.width, 2u);
  EXPECT_EQ(op.gpa, 0x1000u);
  EXPECT_EQ(op.value, 0x1234u);
  EXPECT_EQ(op.expect, guest::Expect::kAnything);
}

TEST(Program, EncodesBothEndsOfAMove) {
  const Program program = Program().Move({0x1000}, {0x2000}, {64}, 4);
  const Op& op = program.ops()[0];
  EXPECT_EQ(op.gpa, 0x1000u);
  EXPECT_EQ(op.args[0], 0x2000u);
  EXPECT_EQ(op.size, 64u);
  EXPECT_EQ(op.width, 4u);
}

TEST(Program, ExpectsOfTheOperationAddedLast) {
  const Program program = Program().Read64({8}).Read64({16}).ExpectOneOf(1, 2);
  EXPECT_EQ(program.ops()[0].expect, guest::Expect::kAnything);
  EXPECT_EQ(program.ops()[1].expect, guest::Expect::kOneOf);
  EXPECT_EQ(program.ops()[1].expected[0], 1u);
  EXPECT_EQ(program.ops()[1].expected[1], 2u);
}

TEST(Program, RepeatsFromItsStart) {
  const Program program = Program().Stamp().Stamp().RepeatUntilFlag();
  EXPECT_EQ(program.ops()[2].args[0], 2u) << "operations to go back";
  EXPECT_EQ(program.ops()[2].value, 0u) << "without end";
}

TEST(Program, RepeatsFromTheInnermostLoopStart) {
  const Program program =
      Program().Stamp().LoopStart().Stamp().LoopStart().Stamp().Repeat(3).Repeat(5).Repeat(7);
  EXPECT_EQ(program.ops()[3].args[0], 1u);
  EXPECT_EQ(program.ops()[3].value, 3u);
  EXPECT_EQ(program.ops()[4].args[0], 3u);
  EXPECT_EQ(program.ops()[5].args[0], 5u) << "no loop start left: all of it";
}

TEST(Program, PrintsItself) {
  EXPECT_EQ(Program().Write64({0x1000}, 7).Read8({0x1000}).ToString(),
            "0 write width=8 gpa=0x1000 value=0x7; 1 read width=1 gpa=0x1000");
}

TEST(OpResult, PrintsWhatWentWrong) {
  EXPECT_EQ(ToString({.status = guest::OpStatus::kFault,
                      .vector = 14,
                      .runs = 1,
                      .error_code = 2,
                      .cr2 = 0x1000,
                      .rip = 0x140000}),
            "fault value=0x0 count=0 runs=1 vector=14 error=0x2 cr2=0x1000 rip=0x140000");
  EXPECT_EQ(ToString({.status = guest::OpStatus::kOk,
                      .runs = 3,
                      .value = 7,
                      .count = 3,
                      .unexpected = 1,
                      .unexpected_gpa = 0x2000,
                      .unexpected_value = 9}),
            "ok value=0x7 count=3 runs=3 unexpected=1 (first 0x9 at 0x2000)");
}

TEST(OpCode, EveryOperationHasAName) {
  for (const OpCode code :
       {OpCode::kRead,          OpCode::kWrite,      OpCode::kTouch,     OpCode::kWriteTouch,
        OpCode::kFill,          OpCode::kChecksum,   OpCode::kSwap,      OpCode::kAdd,
        OpCode::kMove,          OpCode::kExecute,    OpCode::kPlant,     OpCode::kSpinUntil,
        OpCode::kSpinUntilFlag, OpCode::kStamp,      OpCode::kRepeat,    OpCode::kHypercall,
        OpCode::kOut,           OpCode::kIn,         OpCode::kOutString, OpCode::kInString,
        OpCode::kHalt,          OpCode::kInvalidate, OpCode::kReloadCr3}) {
    EXPECT_NE(NameOf(code).substr(0, 3), "op ") << static_cast<uint32_t>(code);
  }
  EXPECT_EQ(NameOf(static_cast<OpCode>(4242)), "op 4242");
}

}  // namespace
}  // namespace kct
