// SPDX-License-Identifier: GPL-2.0-only
// What the memory management of this machine can do. The reason codes name the kernel's option.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "harness/abi/host.h"
#include "harness/abi/host_memory.h"
#include "harness/abi/mm_uapi.h"
#include "harness/abi/pagemap_scan.h"
#include "harness/abi/zram.h"
#include "harness/base/mapping.h"
#include "harness/testing/needs.h"

namespace kct {
namespace {

std::optional<Missing> LacksPath(const char* path, std::string_view reason) {
  if (std::filesystem::exists(path)) return std::nullopt;
  return Missing{reason, fmt::format("there is no {}", path)};
}

std::optional<Missing> LacksRoot(std::string_view for_what) {
  if (geteuid() == 0) return std::nullopt;
  return Missing{"not-root", fmt::format("{} is for root", for_what)};
}

std::optional<Missing> LacksThp() {
  constexpr const char* kPath = "/sys/kernel/mm/transparent_hugepage/enabled";
  std::ifstream file(kPath);
  std::string line;
  if (!std::getline(file, line)) return Missing{"no-config-transparent-hugepage", kPath};
  if (line.find("[never]") == std::string::npos) return std::nullopt;
  return Missing{"thp-is-off", fmt::format("{} reads '{}'", kPath, line)};
}

// A fresh page that was written is soft-dirty, wherever there is such a thing.
std::optional<Missing> LacksSoftDirty() {
  Result<Mapping> page = Mapping::Anonymous(kPage, kPage);
  if (!page) return Missing{"no-memory", page.error().message};
  page->Word({0}) = 1;
  if (IsSoftDirty(page->hva())) return std::nullopt;
  return Missing{"no-config-mem-soft-dirty", "pagemap does not call a page dirty that was written"};
}

std::optional<Missing> LacksGuardRegions() {
  Result<Mapping> page = Mapping::Anonymous(kPage, kPage);
  if (!page) return Missing{"no-memory", page.error().message};
  if (madvise(Pointer(page->hva()), kPage.count, MADV_GUARD_INSTALL) == 0) return std::nullopt;
  return Missing{"no-guard-regions", "madvise refuses MADV_GUARD_INSTALL; Linux 6.13 has it"};
}

// Tries it, on pages of its own.
std::optional<Missing> LacksUffd(FaultKind kind) {
  Result<Mapping> pages = Mapping::Anonymous(Pages(2), kPage);
  if (!pages) return Missing{"no-memory", pages.error().message};
  pages->Word(kPage) = 1;
  Result<Userfaultfd> uffd = Userfaultfd::Register(pages->hva(), kPage, OnFault::kWait, kind);
  if (!uffd) return Missing{"no-userfaultfd", uffd.error().message};
  if (kind != FaultKind::kMissing) return std::nullopt;
  const CallRecord moved = uffd->Move(pages->hva(), pages->hva() + kPage, kPage);
  if (moved.ok()) return std::nullopt;
  return Missing{"no-uffdio-move", moved.ToString() + "; Linux 6.8 has it"};
}

std::optional<Missing> LacksUffdClose() {
  Result<Mapping> page = Mapping::Anonymous(kPage, kPage);
  if (!page) return Missing{"no-memory", page.error().message};
  const Result<Userfaultfd> uffd =
      Userfaultfd::Register(page->hva(), kPage, OnFault::kWait, FaultKind::kClosed);
  if (uffd) return std::nullopt;
  return Missing{"no-uffdio-rwprotect", uffd.error().message + "; Linux 7.3 has it"};
}

std::optional<Missing> LacksPagemapScan() {
  Result<Mapping> page = Mapping::Anonymous(kPage, kPage);
  if (!page) return Missing{"no-memory", page.error().message};
  const Result<Userfaultfd> uffd =
      Userfaultfd::Register(page->hva(), kPage, OnFault::kNoted, FaultKind::kProtected);
  if (!uffd) return Missing{"no-pagemap-scan", uffd.error().message + "; Linux 6.7 has it"};
  const auto written = TakeWrittenPages(page->hva(), kPage);
  if (written) return std::nullopt;
  return Missing{"no-pagemap-scan", written.error().message + "; Linux 6.7 has it"};
}

// A VM of kct's own ends with the run, and what was lost comes back with the next one. Elsewhere
// somebody has to want it.
std::optional<Missing> LacksPagesToLose() {
  std::error_code code;
  if (std::filesystem::read_symlink("/proc/1/exe", code) == "/init") return std::nullopt;
  if (std::getenv("KCT_LOSE_PAGES") != nullptr) return std::nullopt;
  return Missing{"pages-would-be-lost",
                 "a poisoned page is gone until this machine starts again; KCT_LOSE_PAGES=1 in "
                 "the environment allows it"};
}

std::optional<Missing> LacksNumaScan() {
  constexpr const char* kSwitch = "/proc/sys/kernel/numa_balancing";
  std::ifstream file(kSwitch);
  std::string value = "nothing";
  file >> value;
  if (value != "1") return Missing{"no-numa-balancing", fmt::format("{} reads {}", kSwitch, value)};
  if (auto missing = LacksPath("/sys/kernel/debug/sched/numa_balancing/scan_delay_ms",
                               "no-numa-balancing-times")) {
    return missing;
  }
  return LacksRoot("setting the times of NUMA balancing");
}

}  // namespace

std::optional<Missing> LacksOfMemory(Need need) {
  if (!CurrentHost().KvmFollowsMemory()) {
    return Missing{"no-host-mm", "the model's KVM hears of no change by the kernel itself"};
  }
  switch (need) {
    case Need::kThp:
      return LacksThp();
    case Need::kHugetlb:
      if (auto missing =
              LacksPath("/sys/kernel/mm/hugepages/hugepages-2048kB", "no-config-hugetlb-page")) {
        return missing;
      }
      return LacksRoot("reserving huge pages");
    case Need::kKsm:
      if (auto missing = LacksPath("/sys/kernel/mm/ksm/run", "no-config-ksm")) return missing;
      return LacksRoot("starting KSM");
    case Need::kSoftDirty:
      return LacksSoftDirty();
    case Need::kGuardRegions:
      return LacksGuardRegions();
    case Need::kPoison:
      if (auto missing =
              LacksPath("/proc/sys/vm/memory_failure_recovery", "no-config-memory-failure")) {
        return missing;
      }
      return LacksRoot("taking pages for faulty");
    case Need::kUffdProtect:
      return LacksUffd(FaultKind::kProtected);
    case Need::kUffdMove:
      return LacksUffd(FaultKind::kMissing);
    case Need::kUffdClose:
      return LacksUffdClose();
    case Need::kPagemapScan:
      return LacksPagemapScan();
    case Need::kLosePages:
      return LacksPagesToLose();
    case Need::kZram: {
      const Result<Zram> disk = Zram::Make(1_MiB);
      if (disk) return std::nullopt;
      return Missing{"no-zram", disk.error().message};
    }
    case Need::kUprobes:
      if (auto missing = LacksPath("/sys/bus/event_source/devices/uprobe/type",
                                   "no-config-uprobe-events")) {
        return missing;
      }
      return LacksRoot("probing the files of others");
    case Need::kNumaScan:
      return LacksNumaScan();
    case Need::kIdlePages:
      if (auto missing =
              LacksPath("/sys/kernel/mm/page_idle/bitmap", "no-config-idle-page-tracking")) {
        return missing;
      }
      return LacksRoot("marking pages as idle");
    case Need::kOtherNode:
      return LacksPath("/sys/devices/system/node/node1", "one-memory-node");
    default:
      return std::nullopt;
  }
}

}  // namespace kct
