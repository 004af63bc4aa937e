// SPDX-License-Identifier: GPL-2.0-only
// Sources that put another page in the place of one.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "harness/abi/mm_uapi.h"
#include "harness/base/clock.h"
#include "harness/base/errno.h"
#include "tests/notifier/place.h"

namespace kct {
namespace {

int Advise(Hva start, Bytes size, int advice) {
  return madvise(Pointer(start), size.count, advice);
}

// --- copies on write ------------------------------------------------------------------------

// What the child writes is in its copy.
int Fork(Place& place) {
  const pid_t child = fork();
  if (child == 0) {
    place.StoreNew(place.hva());
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return status == 0 ? 0 : -1;
}

int StoreWords(Place& place) {
  place.StoreNew(place.hva());
  return 0;
}

int PopulateWrite(Place& place) { return Advise(place.hva(), place.size(), MADV_POPULATE_WRITE); }

int ReadEachMark(Place& place) {
  for (std::size_t mark = 0; mark < Place::kMarks; ++mark) {
    (void)*static_cast<volatile uint64_t*>(Pointer(place.Mark(mark)));
  }
  return 0;
}

int ShareWithCopy(Place& place) { return place.KeepCopy(); }

// The file has the new words, and copies of its pages the old ones.
int CopyFilePages(Place& place) {
  place.StoreOld(place.hva());
  return place.WriteNewToFile();
}
int DropCopies(Place& place) { return Advise(place.hva(), place.size(), MADV_DONTNEED); }

// --- huge pages -----------------------------------------------------------------------------

int FillWithSmallPages(Place& place) {
  if (Advise(place.hva(), place.size(), MADV_DONTNEED) != 0) return -1;
  if (Advise(place.hva(), place.size(), MADV_NOHUGEPAGE) != 0) return -1;
  place.StoreOld(place.hva());
  return Advise(place.hva(), place.size(), MADV_HUGEPAGE);
}
int Collapse(Place& place) { return Advise(place.hva(), place.size(), MADV_COLLAPSE); }

// A page of the huge one that has no mark.
Hva PageBetweenMarks(const Place& place) { return place.Mark(1) + kPage; }
int SplitByMprotect(Place& place) {
  return mprotect(Pointer(PageBetweenMarks(place)), kPage.count, PROT_READ);
}
int SplitByDontneed(Place& place) { return Advise(PageBetweenMarks(place), kPage, MADV_DONTNEED); }

// --- KSM ------------------------------------------------------------------------------------

constexpr const char* kKsm = "/sys/kernel/mm/ksm/";

// What KSM has merged of this process.
uint64_t MergedPages() {
  std::ifstream file("/proc/self/ksm_merging_pages");
  uint64_t pages = 0;
  file >> pages;
  return pages;
}

// Each page gets a twin in the spare range, which KSM may merge it with.
int MakeTwins(Place& place) {
  if (place.Map(place.spare()) != 0) return -1;
  std::memcpy(Pointer(place.spare()), Pointer(place.hva()), place.size().count);
  if (place.Set(std::string(kKsm) + "sleep_millisecs", "0") != 0) return -1;
  if (place.Set(std::string(kKsm) + "pages_to_scan", "1000") != 0) return -1;
  (void)place.Set(std::string(kKsm) + "smart_scan", "0");  // Linux 6.7 has it
  return place.Set(std::string(kKsm) + "run", "1");
}
int KsmMerge(Place& place) {
  for (Hva start : {place.spare(), place.hva()}) {
    if (Advise(start, place.size(), MADV_MERGEABLE) != 0) return -1;
  }
  // A writer keeps its pages from being merged; that it was tried is enough then.
  WaitUntil([&] { return MergedPages() >= Place::kMarks; }, Clock::now() + 50ms);
  return 0;
}
int MergeWithTwins(Place& place) {
  if (MakeTwins(place) != 0 || KsmMerge(place) != 0) return -1;
  if (WaitUntil([&] { return MergedPages() >= Place::kMarks; }, Clock::now() + 5s)) return 0;
  return FailWith(Errno(ETIME));
}
int KsmUnmerge(Place& place) { return Advise(place.hva(), place.size(), MADV_UNMERGEABLE); }

}  // namespace

std::vector<Source> SourcesThatReplace() {
  const std::vector<PageSize> small = {PageSize::k4K}, huge = {PageSize::k2M};
  const std::vector<Need> host = {Need::kHostMemory}, thp = {Need::kThp};
  return {
      {.name = "fork", .clause = "MN-06", .after = After::kOldWords, .fire = Fork},
      {.name = "fork_hugetlb",
       .clause = "MN-28",
       .after = After::kOldWords,
       .fire = Fork,
       .memory = Memory::kHugetlb,
       .page_sizes = huge},
      {.name = "collapse",
       .clause = "MN-15",
       .after = After::kOldWords,
       .fire = Collapse,
       .prepare = FillWithSmallPages,
       .gives_up = EAGAIN,
       .page_sizes = huge},
      {.name = "split_by_mprotect",
       .clause = "MN-15",
       .after = After::kOldWords,
       .fire = SplitByMprotect,
       .page_sizes = huge},
      {.name = "split_by_dontneed",
       .clause = "MN-15",
       .after = After::kOldWords,
       .fire = SplitByDontneed,
       .page_sizes = huge},
      {.name = "store_to_zero_page",
       .clause = "MN-16",
       .after = After::kNewWords,
       .fire = StoreWords,
       .prepare = ReadEachMark,
       .before = Before::kUntouched},
      {.name = "populate_zero_page",
       .clause = "MN-16",
       .after = After::kZeros,
       .fire = PopulateWrite,
       .prepare = ReadEachMark,
       .before = Before::kUntouched},
      {.name = "store_to_shared_copy",
       .clause = "MN-16",
       .after = After::kNewWords,
       .fire = StoreWords,
       .prepare = ShareWithCopy,
       .meanwhile = Meanwhile::kHalfCode},
      {.name = "store_to_private_file",
       .clause = "MN-29",
       .after = After::kNewWords,
       .fire = StoreWords,
       .prepare = ReadEachMark,
       .memory = Memory::kPrivateFile,
       .meanwhile = Meanwhile::kHalfCode,
       .page_sizes = small},
      {.name = "madvise_dontneed_private_file",
       .clause = "MN-29",
       .after = After::kNewWords,
       .fire = DropCopies,
       .prepare = CopyFilePages,
       .memory = Memory::kPrivateFile,
       .page_sizes = small},
      {.name = "ksm_merge",
       .clause = "MN-25",
       .after = After::kOldWords,
       .fire = KsmMerge,
       .prepare = MakeTwins,
       .page_sizes = small,
       .needs = {Need::kKsm}},
      {.name = "ksm_unmerge",
       .clause = "MN-25",
       .after = After::kOldWords,
       .fire = KsmUnmerge,
       .prepare = MergeWithTwins,
       .page_sizes = small,
       .needs = {Need::kKsm}},
  };
}

}  // namespace kct
