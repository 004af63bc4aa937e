// SPDX-License-Identifier: GPL-2.0-only
// Accesses: what the guests of a VM did to its memory, from the exits of their KVM_RUNs and from
// what their programs report.
#pragma once

#include <vector>

#include "harness/history/recording.h"
#include "harness/record/memory.h"
#include "harness/record/objects.h"

namespace kct {

struct GuestAccesses {
  std::vector<RecordedCall> calls;  // kAccess; lanes are left to the caller
  // Writes that are not among them, or of which not all that they wrote is.
  struct Write {
    MemoryRange guest;
    uint64_t from;  // TSC
    bool in_calls;  // it is a call, but the word it leaves behind is not known
  };
  std::vector<Write> unknown_writes;
  // Reads that are not among the calls. They leave no word behind, but may map pages for writing.
  std::vector<MemoryRange> unknown_reads;
  // A vCPU ran something else than a program since then: it may have written anywhere.
  uint64_t anything_from = UINT64_MAX;
};

// Words are part of the story wherever they can be; where other writers are unknown, the caller
// takes them out again.
GuestAccesses AccessesOf(const VmEvents& vm);

}  // namespace kct
