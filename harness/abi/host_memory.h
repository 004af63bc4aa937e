// SPDX-License-Identifier: GPL-2.0-only
// Calls on host memory that change what is behind a guest physical address, as records.
#pragma once

#include <functional>

#include "harness/abi/call.h"

namespace kct {

// madvise(2); `name` is the advice in words: "madvise DONTNEED". Static text.
CallRecord Madvise(Hva start, Bytes size, int advice, const char* name);
// MADV_DONTNEED: anonymous pages are dropped and read as zeros afterwards.
CallRecord DropPages(Hva start, Bytes size);
// mprotect(2).
CallRecord Protect(Hva start, Bytes size, int protection);
// munmap(2): nothing is mapped there afterwards. BEWARE: a Mapping that owns the range unmaps it
// again at its end, which is harmless as long as nothing else was mapped there meanwhile.
CallRecord Unmap(Hva start, Bytes size);
// mmap(2) of new zeroed memory in the place of whatever is there.
CallRecord MapZeros(Hva start, Bytes size);

// The physical frame behind a page of this process, from /proc/self/pagemap; 0 if none is present
// or we may not know (root is needed).
uint64_t FrameOf(Hva page);
// Whether the page is in memory, from mincore(2).
enum class Residence { kResident, kAbsent };
Residence ResidenceOf(Hva page);

// Runs `call` in a forked child, which has an address space of its own, and returns what it saw.
// A child that dies yields ret -1 with errno ECHILD.
CallRecord InChildProcess(const std::function<CallRecord()>& call);

}  // namespace kct
