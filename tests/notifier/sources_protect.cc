// SPDX-License-Identifier: GPL-2.0-only
// Sources that change who may access memory, or what is known of accesses.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/abi/pagemap_scan.h"
#include "harness/base/errno.h"
#include "harness/base/unique_fd.h"
#include "tests/notifier/place.h"

namespace kct {
namespace {

int MprotectRead(Place& place) {
  return mprotect(Pointer(place.hva()), place.size().count, PROT_READ);
}

int MprotectNone(Place& place) {
  return mprotect(Pointer(place.hva()), place.size().count, PROT_NONE);
}

int WatchWrites(Place& place) { return place.Watch(place.hva(), FaultKind::kProtected); }
// Whoever writes in between waits.
int UffdProtectAndUnprotect(Place& place) {
  const CallRecord closed = place.watch().Protect(place.hva(), place.size());
  const CallRecord opened = place.watch().Unprotect(place.hva(), place.size());
  return closed.ok() && opened.ok() ? 0 : -1;
}

int WatchAccesses(Place& place) { return place.Watch(place.hva(), FaultKind::kClosed); }
// Whoever comes in between waits.
int UffdCloseAndOpen(Place& place) {
  const CallRecord closed = place.watch().Close(place.hva(), place.size());
  const CallRecord opened = place.watch().Open(place.hva(), place.size());
  return closed.ok() && opened.ok() ? 0 : -1;
}

int NoteWrites(Place& place) {
  return place.Watch(place.hva(), FaultKind::kProtected, OnFault::kNoted);
}
int PagemapScan(Place& place) {
  return TakeWrittenPages(place.hva(), place.size()) ? 0 : FailWith(LastErrno());
}

int ClearRefs(char what) {
  const UniqueFd file(open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC));
  return write(file.get(), &what, 1) == 1 ? 0 : -1;
}
int ClearSoftDirty(Place&) { return ClearRefs('4'); }

}  // namespace

std::vector<Source> SourcesThatProtect() {
  const std::vector<PageSize> huge = {PageSize::k2M};
  return {
      {.name = "mprotect_read", .clause = "MN-19", .after = After::kReadOnly, .fire = MprotectRead},
      {.name = "mprotect_read_hugetlb",
       .clause = "MN-28",
       .after = After::kReadOnly,
       .fire = MprotectRead,
       .memory = Memory::kHugetlb,
       .page_sizes = huge},
      {.name = "mprotect_none", .clause = "MN-19", .after = After::kNothing, .fire = MprotectNone},
      {.name = "uffd_protect_unprotect",
       .clause = "MN-20",
       .after = After::kOldWords,
       .fire = UffdProtectAndUnprotect,
       .prepare = WatchWrites,
       .needs = {Need::kUffdProtect}},
      {.name = "uffd_close_open",
       .clause = "MN-21",
       .after = After::kOldWords,
       .fire = UffdCloseAndOpen,
       .prepare = WatchAccesses,
       .needs = {Need::kUffdClose}},
      {.name = "pagemap_scan",
       .clause = "MN-23",
       .after = After::kOldWords,
       .fire = PagemapScan,
       .prepare = NoteWrites,
       .needs = {Need::kPagemapScan}},
      {.name = "clear_soft_dirty",
       .clause = "MN-24",
       .after = After::kOldWords,
       .fire = ClearSoftDirty,
       .needs = {Need::kSoftDirty}},
  };
}

}  // namespace kct
