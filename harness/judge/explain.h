// SPDX-License-Identifier: GPL-2.0-only
// A judgement in words: for reports and for `kct judge`.
//
//   contradicted: this answer can't be explained
//
//           0.000 .. 2.005      main      SET_USER_MEMORY_REGION slot=0x1 … -> 0
//   >       5.210 .. 9.044      prefault  PRE_FAULT_MEMORY vcpu=0x0 … -> ENOENT
//           6.100 ..            delete    SET_USER_MEMORY_REGION slot=0x1 … (never returned)
//
//   prefault answered ENOENT; the model allows EAGAIN
//     PREFAULT-36  While its slot is being deleted a prefault says EAGAIN (documented)
#pragma once

#include <string>

#include "harness/judge/judge.h"

namespace kct {

// Lines that end in '\n'. The first begins with Name(judgement.answer).
std::string Explain(const Recording& recording, const Judgement& judgement);

// "12.345": microseconds where the recording knows the speed of its clock, or thousands of ticks.
std::string TimeText(const Recording& recording, uint64_t ticks);
// "µs", or "1000 ticks".
std::string_view TimeUnit(const Recording& recording);

// What came back: "0", "EAGAIN", "MMIO", "the word 0x7", "done", "no answer".
std::string AnswerText(const RecordedCall& call);

// Core and context, in the order in which they began.
std::vector<uint32_t> CallsToShow(const Judgement& judgement);
const CoreCall* FindInCore(const Judgement& judgement, uint32_t call);

}  // namespace kct
