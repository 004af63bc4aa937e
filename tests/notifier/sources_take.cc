// SPDX-License-Identifier: GPL-2.0-only
// Sources that take memory away.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "harness/abi/mm_uapi.h"
#include "harness/base/clock.h"
#include "harness/base/tape.h"
#include "tests/notifier/place.h"

namespace kct {
namespace {

int Advise(const Place& place, int advice) {
  return madvise(Pointer(place.hva()), place.size().count, advice);
}

int MadviseDontneed(Place& place) { return Advise(place, MADV_DONTNEED); }

int MadviseFree(Place& place) { return Advise(place, MADV_FREE); }

// Of a file the page cache keeps the page, so no swap is needed. Twice: in old kernels the first
// finds that the guest has used the page, and spares it.
int MadvisePageout(Place& place) {
  return Advise(place, MADV_PAGEOUT) == 0 ? Advise(place, MADV_PAGEOUT) : -1;
}

int UseSwap(Place& place) { return place.UseSwap(); }

int MadviseRemove(Place& place) { return Advise(place, MADV_REMOVE); }

int PunchHole(Place& place) {
  return fallocate(place.file(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                   static_cast<off_t>(place.size().count));
}

int PunchHoleByChild(Place& place) {
  const pid_t child = fork();
  if (child == 0) _exit(PunchHole(place) == 0 ? 0 : 1);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return status == 0 ? 0 : -1;
}

int Truncate(Place& place) { return ftruncate(place.file(), 0); }

int TruncateAndGrow(Place& place) {
  if (Truncate(place) != 0) return -1;
  return ftruncate(place.file(), static_cast<off_t>(place.size().count));
}

int GuardInstall(Place& place) { return Advise(place, MADV_GUARD_INSTALL); }

// One page after the other: each is taken for faulty.
int Poison(Place& place) {
  PutOnTape(TapeKind::kSignal, 0);  // for whoever touches it
  for (std::size_t mark = 0; mark < Place::kMarks; ++mark) {
    if (madvise(Pointer(place.Mark(mark)), kPage.count, MADV_HWPOISON) == 0) continue;
    // A huge page that could not be split, for somebody held it, is taken for faulty and kept; when
    // it is free at last it comes back with its mark, and this is such a page: given up on as well.
    const Errno why = LastErrno();
    return FailWith(why == Errno(EHWPOISON) ? Errno(EBUSY) : why);
  }
  return 0;
}

int Munmap(Place& place) { return place.Unmap(); }

int MmapFixed(Place& place) { return place.Map(place.hva()); }

// New memory with contents comes in the place of the old in one step.
int MapNewWordsInSpare(Place& place) {
  if (place.Map(place.spare()) != 0) return -1;
  place.StoreNew(place.spare());
  return 0;
}
int MremapOver(Place& place) {
  const void* moved = mremap(Pointer(place.spare()), place.size().count, place.size().count,
                             MREMAP_MAYMOVE | MREMAP_FIXED, Pointer(place.hva()));
  return moved == MAP_FAILED ? -1 : 0;
}

int MremapAway(Place& place) { return place.MoveTo(place.spare()); }

// Into the spare range. Nobody watches the place, so what is missing there are zeros.
int WatchSpare(Place& place) {
  if (place.Map(place.spare()) != 0) return -1;
  return place.Watch(place.spare(), FaultKind::kMissing);
}
// Page by page, since a move that has begun may stop with EAGAIN at a page that a fault holds.
int UffdMove(Place& place) {
  for (std::size_t mark = 0; mark < Place::kMarks; ++mark) {
    const Hva target = place.spare() + place.MarkAt(mark);
    CallRecord moved;
    const auto is_over = [&] {
      moved = place.watch().Move(target, place.Mark(mark), kPage);
      return moved.error != Errno(EAGAIN);
    };
    WaitUntil(is_over, Clock::now() + 2s);
    if (!moved.ok()) return -1;
  }
  return 0;
}

}  // namespace

std::vector<Source> SourcesThatTake() {
  const std::vector<PageSize> small = {PageSize::k4K}, huge = {PageSize::k2M};
  const std::vector<Need> guards = {Need::kGuardRegions}, host = {Need::kHostMemory};
  return {
      {.name = "madvise_dontneed",
       .clause = "MN-09",
       .after = After::kZeros,
       .fire = MadviseDontneed},
      {.name = "madvise_dontneed_hugetlb",
       .clause = "MN-28",
       .after = After::kZeros,
       .fire = MadviseDontneed,
       .memory = Memory::kHugetlb,
       .page_sizes = huge},
      {.name = "madvise_free",
       .clause = "MN-10",
       .after = After::kOldWordsOrZeros,
       .fire = MadviseFree},
      {.name = "madvise_pageout_file",
       .clause = "MN-11",
       .after = After::kOldWords,
       .fire = MadvisePageout,
       .memory = Memory::kSharedFile,
       .page_sizes = small,
       .needs = host},
      {.name = "madvise_pageout_swap",
       .clause = "MN-11",
       .after = After::kOldWords,
       .fire = MadvisePageout,
       .prepare = UseSwap,
       .needs = {Need::kZram}},
      {.name = "madvise_remove",
       .clause = "MN-12",
       .after = After::kZeros,
       .fire = MadviseRemove,
       .memory = Memory::kSharedFile,
       .page_sizes = small},
      {.name = "punch_hole",
       .clause = "MN-12",
       .after = After::kZeros,
       .fire = PunchHole,
       .memory = Memory::kSharedFile,
       .page_sizes = small},
      {.name = "punch_hole_by_child",
       .clause = "MN-12",
       .after = After::kZeros,
       .fire = PunchHoleByChild,
       .memory = Memory::kSharedFile,
       .page_sizes = small},
      {.name = "truncate",
       .clause = "MN-13",
       .after = After::kNothing,
       .fire = Truncate,
       .memory = Memory::kSharedFile,
       .page_sizes = small},
      {.name = "truncate_and_grow",
       .clause = "MN-13",
       .after = After::kZeros,
       .fire = TruncateAndGrow,
       .memory = Memory::kSharedFile,
       .meanwhile = Meanwhile::kEfault,
       .page_sizes = small},
      {.name = "guard_install",
       .clause = "MN-14",
       .after = After::kNothing,
       .fire = GuardInstall,
       .meanwhile = Meanwhile::kZeros,
       .needs = guards},
      {.name = "madvise_hwpoison",
       .clause = "MN-27",
       .after = After::kPoison,
       .fire = Poison,
       .gives_up = EBUSY,
       .needs = {Need::kPoison, Need::kLosePages}},
      {.name = "munmap", .clause = "MN-17", .after = After::kNothing, .fire = Munmap},
      {.name = "munmap_hugetlb",
       .clause = "MN-28",
       .after = After::kNothing,
       .fire = Munmap,
       .memory = Memory::kHugetlb,
       .page_sizes = huge},
      {.name = "mmap_fixed", .clause = "MN-17", .after = After::kZeros, .fire = MmapFixed},
      {.name = "mremap_over",
       .clause = "MN-17",
       .after = After::kNewWords,
       .fire = MremapOver,
       .prepare = MapNewWordsInSpare},
      {.name = "mremap_away", .clause = "MN-18", .after = After::kNothing, .fire = MremapAway},
      {.name = "mremap_away_hugetlb",
       .clause = "MN-28",
       .after = After::kNothing,
       .fire = MremapAway,
       .memory = Memory::kHugetlb,
       .page_sizes = huge},
      {.name = "uffd_move",
       .clause = "MN-22",
       .after = After::kZeros,
       .fire = UffdMove,
       .prepare = WatchSpare,
       .page_sizes = small,
       .needs = {Need::kUffdMove}},
  };
}

}  // namespace kct
