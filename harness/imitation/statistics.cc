// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/statistics.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "harness/base/unique_fd.h"

namespace kct::imitation {
namespace {

constexpr uint64_t kHuge = 512;  // pages
constexpr std::array<const char*, 3> kNames = {"pages_4k", "pages_2m", "pages_1g"};

struct Descriptor {
  KvmStatsDescHead head;
  char name[16];
};

struct File {
  kvm_stats_header header;
  Descriptor descriptors[kNames.size()];
  uint64_t values[kNames.size()];
};

// How many entries of 4 KiB there are, and how many of 2 MiB: a whole aligned run of pages in a
// slot whose host memory is aligned alike is one entry.
// A file is mapped page by page, and so are pages of which some are private and some are not.
bool MayBeHuge(const model::Rules& rules, const model::State& state, const model::Slot& slot,
               uint64_t first) {
  if (!state.rare.untouched() && !rules.planted.Is(model::Bug::kHugePageSpansKinds)) {
    const bool all_shared = state.rare->HasAttributes(first, first + kHuge - 1, 0);
    if (!all_shared) return false;
  }
  if (slot.gmem_only && !rules.planted.Is(model::Bug::kFileIsMappedHuge)) return false;
  return slot.gfn % kHuge == (slot.gmem_only ? slot.gmem_page : slot.host) % kHuge;
}

std::array<uint64_t, 3> CountEntries(const model::Rules& rules, const model::State& state) {
  std::array<uint64_t, 3> counts = {};
  uint64_t run = 0, next = 0;
  for (const model::Entry& entry : state.entries) {
    run = entry.gfn == next && entry.gfn % kHuge != 0 ? run + 1 : 1;
    next = entry.gfn + 1;
    ++counts[0];
    const model::Slot* const slot = state.FindSlot(entry.space, entry.gfn);
    const bool fits =
        slot != nullptr && run == kHuge && MayBeHuge(rules, state, *slot, entry.gfn + 1 - kHuge);
    if (next % kHuge == 0 && fits) {
      counts[0] -= kHuge;
      ++counts[1];
    }
  }
  return counts;
}

}  // namespace

RawAnswer StatisticsOf(const model::Rules& rules, const model::State& state) {
  File file = {};
  file.header.name_size = sizeof(Descriptor::name);
  file.header.num_desc = kNames.size();
  file.header.desc_offset = offsetof(File, descriptors);
  file.header.data_offset = offsetof(File, values);
  const std::array<uint64_t, 3> counts = CountEntries(rules, state);
  for (uint32_t i = 0; i < kNames.size(); ++i) {
    file.descriptors[i].head.size = 1;
    file.descriptors[i].head.offset = i * static_cast<uint32_t>(sizeof(uint64_t));
    std::strncpy(file.descriptors[i].name, kNames[i], sizeof(Descriptor::name) - 1);
    file.values[i] = counts[i];
  }
  UniqueFd fd(memfd_create("kvm-stats", MFD_CLOEXEC));
  if (!fd || write(fd.get(), &file, sizeof file) != sizeof file) return {-1, LastErrno()};
  return {fd.Release(), Errno()};
}

}  // namespace kct::imitation
