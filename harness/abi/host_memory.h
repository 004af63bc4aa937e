// SPDX-License-Identifier: GPL-2.0-only
// Calls on host memory that change what is behind a guest physical address, as records.
#pragma once

#include <functional>

#include "harness/abi/call.h"

namespace kct {

inline constexpr int kCollapse = 25;  // MADV_COLLAPSE, newer than the C library's headers

// madvise(2); `name` is the advice in words: "madvise DONTNEED". Static text.
CallRecord Madvise(Hva start, Bytes size, int advice, const char* name);
// MADV_DONTNEED: anonymous pages are dropped and read as zeros afterwards.
CallRecord DropPages(Hva start, Bytes size);
// mprotect(2).
CallRecord Protect(Hva start, Bytes size, int protection);
// Any other system call, or calls, after which the range is not what it was: `change` returns -1
// and sets errno when it fails. `name` is static text.
CallRecord ChangeMemory(Hva start, Bytes size, const char* name,
                        const std::function<int()>& change);
// munmap(2): nothing is mapped there afterwards. BEWARE: a Mapping that owns the range unmaps it
// again at its end, which is harmless as long as nothing else was mapped there meanwhile.
CallRecord Unmap(Hva start, Bytes size);
// mbind(2): where pages of the range are to come from. `mode` is an MPOL_*; bit n of `nodes` is
// node n. Nothing is moved.
CallRecord BindMemory(Hva start, Bytes size, int mode, uint64_t nodes);
// What get_mempolicy(2) says about an address.
struct MemoryPolicy {
  int mode = -1;  // -1: the call failed
  uint64_t nodes = 0;
  bool operator==(const MemoryPolicy&) const = default;
};
MemoryPolicy PolicyOf(Hva address);
// The node that the page there is on, which is touched for it; -1: nobody can tell.
int NodeOf(Hva page);

// mmap(2) of new zeroed memory in the place of whatever is there.
CallRecord MapZeros(Hva start, Bytes size);

// The physical frame behind a page of this process, from /proc/self/pagemap; 0 if none is present
// or we may not know (root is needed).
uint64_t FrameOf(Hva page);
// Whether pagemap says that the page was written since the soft-dirty bits were cleared.
bool IsSoftDirty(Hva page);
// Whether the page is in memory, from mincore(2).
enum class Residence { kResident, kAbsent };
Residence ResidenceOf(Hva page);

// Runs `call` in a forked child, which has an address space of its own, and returns what it saw.
// A child that dies yields ret -1 with errno ECHILD.
CallRecord InChildProcess(const std::function<CallRecord()>& call);

}  // namespace kct
