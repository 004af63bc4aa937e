// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/abi/host.h"
#include "harness/abi/timed.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

const char* NameOf(FileAction action) {
  switch (action) {
    case FileAction::kRead:
      return "read";
    case FileAction::kWrite:
      return "write";
    case FileAction::kReadAt:
      return "pread";
    case FileAction::kWriteAt:
      return "pwrite";
    case FileAction::kSeek:
      return "lseek";
    case FileAction::kTruncate:
      return "ftruncate";
    case FileAction::kChangeMode:
      return "fchmod";
    case FileAction::kOpenAgain:
      return "open of /proc/self/fd";
  }
  return "";
}

int OpenAgain(int fd) {
  const UniqueFd again(open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDWR | O_CLOEXEC));
  return again ? 0 : -1;
}

}  // namespace

CallRecord Fallocate(int fd, int mode, FileRange range) {
  OnTape event(TapeKind::kFallocate);
  if (event) {
    event->fd = fd;
    event->before = {range.offset, range.size.count, static_cast<uint64_t>(mode)};
  }
  event.Begin();
  const CallRecord record =
      Timed("fallocate", {static_cast<uint64_t>(mode), range.offset, range.size.count},
            [&] { return CurrentHost().Fallocate(fd, mode, range.offset, range.size); });
  if (event) event->ret = record.ret;
  event.End();
  return record;
}

CallRecord PunchHole(int fd, FileRange range) {
  return Fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range);
}

CallRecord Allocate(int fd, FileRange range) { return Fallocate(fd, FALLOC_FL_KEEP_SIZE, range); }

int64_t PagesIn(int fd, FileRange range) {
  return CurrentHost().CountPages(fd, range.offset, range.size);
}

MapCall MapFile(int fd, Bytes size, int protection, int flags) {
  void* start = nullptr;
  MapCall mapped;
  mapped.call = Timed(
      "mmap", {size.count, static_cast<uint64_t>(protection), static_cast<uint64_t>(flags)}, [&] {
        start = CurrentHost().MapFile(fd, size, protection, flags);
        return start == MAP_FAILED ? -1 : 0;
      });
  if (mapped.call.ok()) mapped.memory = Mapping::TakeOver(fd, start, size);
  return mapped;
}

CallRecord Try(int fd, FileAction action) {
  return Timed(NameOf(action), {}, [&] { return CurrentHost().OnFile(fd, action); });
}

int Perform(int fd, FileAction action) {
  char byte = 0;
  switch (action) {
    case FileAction::kRead:
      return static_cast<int>(read(fd, &byte, 1));
    case FileAction::kWrite:
      return static_cast<int>(write(fd, &byte, 1));
    case FileAction::kReadAt:
      return static_cast<int>(pread(fd, &byte, 1, 0));
    case FileAction::kWriteAt:
      return static_cast<int>(pwrite(fd, &byte, 1, 0));
    case FileAction::kSeek:
      return static_cast<int>(lseek(fd, 0, SEEK_SET));
    case FileAction::kTruncate:
      return ftruncate(fd, static_cast<off_t>(kPage.count));
    case FileAction::kChangeMode:
      return fchmod(fd, S_IRUSR | S_IWUSR);
    case FileAction::kOpenAgain:
      return OpenAgain(fd);
  }
  return -1;
}

}  // namespace kct
