// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/statistics.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "harness/base/unique_fd.h"

namespace kct::imitation {
namespace {

constexpr uint64_t kHuge = 512;      // pages
constexpr std::size_t kCounted = 3;  // the first of a VM's
constexpr std::array<const char*, 12> kNames = {
    "pages_4k",       "pages_2m",       "pages_1g",         "mmu_shadow_zapped",
    "mmu_pte_write",  "mmu_pde_zapped", "mmu_flooded",      "mmu_recycled",
    "mmu_cache_miss", "mmu_unsync",     "mmu_shadow_pages", "nx_lpage_splits"};
constexpr std::array<const char*, 7> kNamesOfVcpu = {
    "pf_taken", "pf_fixed", "pf_emulate", "pf_spurious", "pf_fast", "pf_mmio_spte_created",
    "pf_guest"};

struct Descriptor {
  KvmStatsDescHead head;
  char name[24];
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

std::array<uint64_t, kCounted> CountEntries(const model::Rules& rules, const model::State& state) {
  std::array<uint64_t, kCounted> counts = {};
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

// Header, descriptors, values; `counts` are the first of these.
RawAnswer FileOf(const model::Rules& rules, std::span<const char* const> names,
                 std::span<const uint64_t> counts) {
  if (rules.planted.Is(model::Bug::kStatisticIsMissing)) names = names.first(names.size() - 1);
  std::vector<Descriptor> descriptors(names.size());
  std::vector<uint64_t> values(names.size());
  std::copy(counts.begin(), counts.end(), values.begin());
  for (uint32_t i = 0; i < names.size(); ++i) {
    descriptors[i].head.size = 1;
    descriptors[i].head.offset = i * static_cast<uint32_t>(sizeof(uint64_t));
    std::strncpy(descriptors[i].name, names[i], sizeof(Descriptor::name) - 1);
  }
  kvm_stats_header header = {};
  header.name_size = sizeof(Descriptor::name);
  header.num_desc = static_cast<uint32_t>(names.size());
  header.desc_offset = sizeof header;
  header.data_offset =
      static_cast<uint32_t>(sizeof header + descriptors.size() * sizeof(Descriptor));
  const auto append = [](int fd, const void* data, std::size_t size) {
    return write(fd, data, size) == static_cast<ssize_t>(size);
  };
  UniqueFd fd(memfd_create("kvm-stats", MFD_CLOEXEC));
  const bool written =
      fd && append(fd.get(), &header, sizeof header) &&
      append(fd.get(), descriptors.data(), descriptors.size() * sizeof(Descriptor)) &&
      append(fd.get(), values.data(), values.size() * sizeof(uint64_t));
  if (!written) return {-1, LastErrno()};
  return {fd.Release(), Errno()};
}

}  // namespace

RawAnswer StatisticsOf(const model::Rules& rules, const model::State& state) {
  const std::array<uint64_t, kCounted> counts = CountEntries(rules, state);
  return FileOf(rules, kNames, counts);
}

RawAnswer StatisticsOfVcpu(const model::Rules& rules) { return FileOf(rules, kNamesOfVcpu, {}); }

}  // namespace kct::imitation
