// SPDX-License-Identifier: GPL-2.0-only
// What one might take for a source and is none: no call of the notifier, and no need for one.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>

#include "harness/abi/host_memory.h"
#include "tests/notifier/place.h"

namespace kct {
namespace {

int Advise(const Place& place, int advice) {
  return madvise(Pointer(place.hva()), place.size().count, advice);
}

int StoreWords(Place& place) {
  place.StoreNew(place.hva());
  return 0;
}

int WriteWordsToFile(Place& place) { return place.WriteNewToFile(); }

int LockAndUnlock(Place& place) {
  if (mlock(Pointer(place.hva()), place.size().count) != 0) return -1;
  return munlock(Pointer(place.hva()), place.size().count);
}

int MadviseCold(Place& place) { return Advise(place, MADV_COLD); }

int PopulateRead(Place& place) { return Advise(place, MADV_POPULATE_READ); }

// Clean pages of the page cache and what the kernel can make again.
int DropCaches(Place& place) { return place.Set("/proc/sys/vm/drop_caches", "3"); }

int ClearReferenced(Place&) {
  std::ofstream file("/proc/self/clear_refs");
  return file << "1" << std::flush ? 0 : -1;
}

// A bit a frame, in words of 64; reading them looks at what the guest has accessed since.
int MarkIdle(Place& place) {
  const UniqueFd file(open("/sys/kernel/mm/page_idle/bitmap", O_RDWR | O_CLOEXEC));
  for (std::size_t mark = 0; mark < Place::kMarks; ++mark) {
    const uint64_t frame = FrameOf(place.Mark(mark));
    const auto at = static_cast<off_t>(frame / 64 * sizeof(uint64_t));
    uint64_t bits = uint64_t{1} << frame % 64;
    if (pwrite(file.get(), &bits, sizeof bits, at) != sizeof bits) return -1;
    if (pread(file.get(), &bits, sizeof bits, at) != sizeof bits) return -1;
  }
  return 0;
}

}  // namespace

std::vector<Source> NoSources() {
  const std::vector<PageSize> small = {PageSize::k4K};
  const std::vector<Need> root = {Need::kHostMemory, Need::kRoot};
  return {
      {.name = "store_to_present_page",
       .clause = "MN-30",
       .after = After::kNewWords,
       .fire = StoreWords,
       .memory = Memory::kSharedFile,
       .notifies = Notifies::kNo,
       .page_sizes = small},
      {.name = "pwrite_to_file",
       .clause = "MN-30",
       .after = After::kNewWords,
       .fire = WriteWordsToFile,
       .memory = Memory::kSharedFile,
       .notifies = Notifies::kNo,
       .page_sizes = small},
      {.name = "mlock_munlock",
       .clause = "MN-30",
       .after = After::kOldWords,
       .fire = LockAndUnlock,
       .notifies = Notifies::kNo},
      {.name = "madvise_cold",
       .clause = "MN-30",
       .after = After::kOldWords,
       .fire = MadviseCold,
       .notifies = Notifies::kNo},
      {.name = "populate_read",
       .clause = "MN-30",
       .after = After::kOldWords,
       .fire = PopulateRead,
       .notifies = Notifies::kNo},
      {.name = "drop_caches",
       .clause = "MN-30",
       .after = After::kOldWords,
       .fire = DropCaches,
       .memory = Memory::kSharedFile,
       .notifies = Notifies::kNo,
       .page_sizes = small,
       .needs = root},
      {.name = "clear_referenced",
       .clause = "MN-07",
       .after = After::kOldWords,
       .fire = ClearReferenced,
       .notifies = Notifies::kNo,
       .needs = root},
      {.name = "page_idle",
       .clause = "MN-07",
       .after = After::kOldWords,
       .fire = MarkIdle,
       .notifies = Notifies::kNo,
       .needs = {Need::kIdlePages}},
  };
}

}  // namespace kct
