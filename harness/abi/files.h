// SPDX-License-Identifier: GPL-2.0-only
// Calls on an open file besides ioctls, as records. They go to the Host, since a file of an
// imitated kernel is imitated as well.
#pragma once

#include "harness/abi/call.h"
#include "harness/base/mapping.h"

namespace kct {

struct FileRange {
  uint64_t offset = 0;
  Bytes size;
};

// fallocate(2).
CallRecord Fallocate(int fd, int mode, FileRange range);
// The two modes that a guest_memfd knows.
CallRecord PunchHole(int fd, FileRange range);
CallRecord Allocate(int fd, FileRange range);

// How many pages of the range the file has, from cachestat(2): allocated, be it that nobody has
// touched them yet. -1: the kernel can't say.
int64_t PagesIn(int fd, FileRange range);

// mmap(2) from the start of the file; on success `memory` owns what was mapped.
struct MapCall {
  CallRecord call;
  Mapping memory;
};
MapCall MapFile(int fd, Bytes size, int protection = PROT_READ | PROT_WRITE,
                int flags = MAP_SHARED);

// What else may be tried on a file, each with arguments that a plain file would take.
enum class FileAction : uint8_t {
  kRead,        // a byte
  kWrite,       // a byte
  kReadAt,      // pread(2) of a byte at 0
  kWriteAt,     // pwrite(2) of a byte at 0
  kSeek,        // to 0
  kTruncate,    // to a page
  kChangeMode,  // to 0600
  kOpenAgain,   // through /proc/self/fd; a descriptor that comes of it is closed
};
CallRecord Try(int fd, FileAction action);
// The system calls themselves: what Host does on the machine.
int Perform(int fd, FileAction action);

}  // namespace kct
