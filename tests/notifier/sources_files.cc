// SPDX-License-Identifier: GPL-2.0-only
// Sources that are about the file behind the memory: it is written back, or a breakpoint is put
// into a program.
#include <sys/mman.h>

#include "tests/notifier/place.h"
#include "tests/notifier/probe.h"

namespace kct {
namespace {

// Dirty in the page tables, not in the file alone.
int StoreWordsAgain(Place& place) {
  place.StoreOld(place.hva());
  return 0;
}
int Msync(Place& place) { return msync(Pointer(place.hva()), place.size().count, MS_SYNC); }

// Beside the word at a mark, so that this stays as it is. One will do: to set it and to remove it
// the kernel waits until no CPU can be on its way through it.
int SetOneProbe(Place& place) {
  UniqueFd probe = SetProbe(place.file(), place.MarkAt(0) + Place::kProbe);
  if (!probe) return -1;
  place.Keep(std::move(probe));
  return 0;
}
int DropProbe(Place& place) {
  place.DropKept();
  return 0;
}

}  // namespace

std::vector<Source> SourcesOfFiles() {
  const std::vector<PageSize> small = {PageSize::k4K};
  return {
      {.name = "msync_disk",
       .clause = "MN-31",
       .after = After::kOldWords,
       .fire = Msync,
       .prepare = StoreWordsAgain,
       .memory = Memory::kDisk,
       .page_sizes = small},
      {.name = "uprobe_set",
       .clause = "MN-34",
       .after = After::kReadOnly,
       .fire = SetOneProbe,
       .memory = Memory::kProgram,
       .meetings = 2,
       .page_sizes = small,
       .needs = {Need::kUprobes}},
      {.name = "uprobe_removed",
       .clause = "MN-34",
       .after = After::kReadOnly,
       .fire = DropProbe,
       .prepare = SetOneProbe,
       .memory = Memory::kProgram,
       .meetings = 2,
       .page_sizes = small,
       .needs = {Need::kUprobes}},
  };
}

}  // namespace kct
