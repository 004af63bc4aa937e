// SPDX-License-Identifier: GPL-2.0-only
#include "harness/base/mapping.h"

#include "harness/base/errno.h"

namespace kct {
namespace {

// Whether the tape knows the stores that are made through a mapping.
enum class Stores : uint64_t { kUnknown, kOnTape };

void NoteMapped(int fd, const void* start, Bytes size, Stores stores) {
  OnTape event(TapeKind::kFileMapped);
  if (event) {
    event->fd = fd;
    event->before = {HvaOf(start).value, size.count, static_cast<uint64_t>(stores)};
  }
  event.Begin();
  event.End();
}

}  // namespace

Result<Mapping> Mapping::Anonymous(Bytes size, Bytes alignment) {
  // Map more than needed and give the misaligned ends back: mmap itself promises page alignment.
  const Bytes total = size + alignment;
  void* raw = mmap(nullptr, total.count, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) {
    return MakeError("mmap of {} bytes of anonymous memory: {}", total.count,
                     LastErrno().Explain());
  }
  const uint64_t start = (HvaOf(raw).value + alignment.count - 1) & ~(alignment.count - 1);
  const uint64_t head = start - HvaOf(raw).value;
  if (head > 0) munmap(raw, head);
  munmap(reinterpret_cast<void*>(start + size.count), total.count - head - size.count);
  Mapping mapping(reinterpret_cast<void*>(start), size);
  mapping.taped_ = true;
  return mapping;
}

Result<Mapping> Mapping::OfFile(int fd, Bytes size, Bytes offset) {
  void* start = mmap(nullptr, size.count, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                     static_cast<off_t>(offset.count));
  if (start == MAP_FAILED) {
    return MakeError("mmap of {} bytes of fd {}: {}", size.count, fd, LastErrno().Explain());
  }
  NoteMapped(fd, start, size, Stores::kUnknown);
  return Mapping(start, size);
}

Mapping Mapping::TakeOver(int fd, void* start, Bytes size) {
  NoteMapped(fd, start, size, Stores::kOnTape);
  Mapping mapping(start, size);
  mapping.taped_ = true;
  return mapping;
}

Mapping::~Mapping() {
  if (start_ == nullptr) return;
  if (taped_) PutOnTape(TapeKind::kUnmapped, hva().value, size_.count);
  munmap(start_, size_.count);
}

}  // namespace kct
