// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/host_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

#include "harness/abi/host.h"
#include "harness/base/clock.h"
#include "harness/base/mapping.h"
#include "harness/base/tape.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

// Stamps and records a call that returns -1 and sets errno when it fails.
template <typename Function>
CallRecord Timed(TapeKind kind, const char* what, Hva start, Bytes size, Function function) {
  CallRecord record{.what = what, .before = {start.value, size.count}};
  record.after = record.before;
  OnTape event(kind);
  if (event) event->before = {start.value, size.count};
  event.Begin();
  record.begin = StampTsc();
  record.ret = function();
  const Errno error = LastErrno();
  record.end = StampTsc();
  if (record.ret < 0) record.error = error;
  if (event) event->ret = record.ret;
  event.End();
  return record;
}

}  // namespace

CallRecord Madvise(Hva start, Bytes size, int advice, const char* name) {
  const TapeKind kind = advice == MADV_DONTNEED ? TapeKind::kDrop : TapeKind::kMemoryChanged;
  return Timed(kind, name, start, size, [&] { return CurrentHost().Madvise(start, size, advice); });
}

CallRecord DropPages(Hva start, Bytes size) {
  return Madvise(start, size, MADV_DONTNEED, "madvise DONTNEED");
}

CallRecord Protect(Hva start, Bytes size, int protection) {
  return Timed(TapeKind::kMemoryChanged, "mprotect", start, size,
               [&] { return CurrentHost().Mprotect(start, size, protection); });
}

CallRecord Unmap(Hva start, Bytes size) {
  return Timed(TapeKind::kMemoryChanged, "munmap", start, size,
               [&] { return munmap(Pointer(start), size.count); });
}

CallRecord MapZeros(Hva start, Bytes size) {
  return Timed(TapeKind::kDrop, "mmap", start, size, [&] {
    const void* mapped = mmap(Pointer(start), size.count, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return mapped == MAP_FAILED ? -1 : 0;
  });
}

uint64_t FrameOf(Hva page) {
  constexpr uint64_t kPresent = uint64_t{1} << 63, kFrameMask = (uint64_t{1} << 55) - 1;
  const UniqueFd fd(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  uint64_t entry = 0;
  const auto offset = static_cast<off_t>(page.value / kPage.count * sizeof entry);
  if (pread(fd.get(), &entry, sizeof entry, offset) != sizeof entry) return 0;
  return (entry & kPresent) != 0 ? entry & kFrameMask : 0;
}

Residence ResidenceOf(Hva page) {
  unsigned char resident = 0;
  mincore(Pointer(page), kPage.count, &resident);
  return (resident & 1) != 0 ? Residence::kResident : Residence::kAbsent;
}

CallRecord InChildProcess(const std::function<CallRecord()>& call) {
  CallRecord failure{.what = "fork", .ret = -1, .error = Errno(ECHILD)};
  void* shared =
      mmap(nullptr, kPage.count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return failure;
  auto* record = new (shared) CallRecord(failure);
  const pid_t child = fork();
  if (child == 0) {
    *record = call();
    _exit(0);
  }
  if (child > 0) waitpid(child, nullptr, 0);
  const CallRecord seen = *record;
  munmap(shared, kPage.count);
  return seen;
}

}  // namespace kct
