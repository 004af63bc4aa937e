// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/host_memory.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

#include "harness/abi/host.h"
#include "harness/abi/timed.h"
#include "harness/base/mapping.h"
#include "harness/base/tape.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

// A call on a range of memory, which the tape has to know.
template <typename Function>
CallRecord OnRange(TapeKind kind, const char* what, Hva start, Bytes size, Function function) {
  OnTape event(kind);
  if (event) event->before = {start.value, size.count};
  event.Begin();
  const CallRecord record = Timed(what, {start.value, size.count}, function);
  if (event) {
    event->ret = record.ret;
    event->error = record.error;
  }
  event.End();
  return record;
}

TapeKind KindOf(int advice) {
  switch (advice) {
    case MADV_DONTNEED:
      return TapeKind::kDrop;
    case MADV_HWPOISON:
      return TapeKind::kPoisoned;
    default:
      return TapeKind::kMemoryChanged;
  }
}

}  // namespace

CallRecord Madvise(Hva start, Bytes size, int advice, const char* name) {
  return OnRange(KindOf(advice), name, start, size,
                 [&] { return CurrentHost().Madvise(start, size, advice); });
}

CallRecord DropPages(Hva start, Bytes size) {
  return Madvise(start, size, MADV_DONTNEED, "madvise DONTNEED");
}

CallRecord Protect(Hva start, Bytes size, int protection) {
  return OnRange(TapeKind::kMemoryChanged, "mprotect", start, size,
                 [&] { return CurrentHost().Mprotect(start, size, protection); });
}

CallRecord ChangeMemory(Hva start, Bytes size, const char* name,
                        const std::function<int()>& change) {
  return OnRange(TapeKind::kMemoryChanged, name, start, size,
                 [&] { return CurrentHost().ChangeMemory(start, size, change); });
}

CallRecord Unmap(Hva start, Bytes size) {
  return OnRange(TapeKind::kUnmapped, "munmap", start, size,
                 [&] { return CurrentHost().Munmap(start, size); });
}

CallRecord BindMemory(Hva start, Bytes size, int mode, uint64_t nodes) {
  return Timed("mbind", {start.value, size.count, static_cast<uint64_t>(mode), nodes},
               [&] { return CurrentHost().Mbind(start, size, mode, nodes); });
}

MemoryPolicy PolicyOf(Hva address) {
  MemoryPolicy policy;
  const long failed = syscall(SYS_get_mempolicy, &policy.mode, &policy.nodes,
                              8 * sizeof policy.nodes, Pointer(address), MPOL_F_ADDR);
  return failed == 0 ? policy : MemoryPolicy{};
}

int NodeOf(Hva page) {
  int node = -1;
  const long failed =
      syscall(SYS_get_mempolicy, &node, nullptr, 0, Pointer(page), MPOL_F_NODE | MPOL_F_ADDR);
  return failed == 0 ? node : -1;
}

CallRecord MapZeros(Hva start, Bytes size) {
  return OnRange(TapeKind::kDrop, "mmap", start, size, [&] {
    return CurrentHost().ChangeMemory(start, size, [&] {
      const void* mapped = mmap(Pointer(start), size.count, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      return mapped == MAP_FAILED ? -1 : 0;
    });
  });
}

namespace {

// What /proc/self/pagemap says of a page; 0 if it says nothing.
uint64_t PagemapOf(Hva page) {
  const UniqueFd fd(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  uint64_t entry = 0;
  const auto offset = static_cast<off_t>(page.value / kPage.count * sizeof entry);
  return pread(fd.get(), &entry, sizeof entry, offset) == sizeof entry ? entry : 0;
}

}  // namespace

uint64_t FrameOf(Hva page) {
  constexpr uint64_t kPresent = uint64_t{1} << 63, kFrameMask = (uint64_t{1} << 55) - 1;
  const uint64_t entry = PagemapOf(page);
  return (entry & kPresent) != 0 ? entry & kFrameMask : 0;
}

bool IsSoftDirty(Hva page) {
  constexpr uint64_t kSoftDirty = uint64_t{1} << 55;
  return (PagemapOf(page) & kSoftDirty) != 0;
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
