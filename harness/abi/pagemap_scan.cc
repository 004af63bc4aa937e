// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/pagemap_scan.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>

#include "harness/base/errno.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

// All newer than the 6.1 headers.
struct ScanArgument {
  uint64_t size, flags, start, end, walk_end;
  uint64_t regions, most_regions, most_pages;
  uint64_t inverted, all_of, any_of, wanted;
};
struct Region {
  uint64_t start, end, categories;
};
static_assert(sizeof(ScanArgument) == 96 && sizeof(Region) == 24);
constexpr unsigned long kScan = _IOWR('f', 16, ScanArgument);
constexpr uint64_t kProtectMatching = 1, kMustBeNoted = 2, kIsWritten = 2;

}  // namespace

Result<std::vector<Hva>> TakeWrittenPages(Hva start, Bytes size) {
  const UniqueFd pagemap(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pagemap) return MakeError("/proc/self/pagemap: {}", LastErrno().Explain());
  std::vector<Region> regions(size / kPage);
  ScanArgument scan = {.size = sizeof scan,
                       .flags = kProtectMatching | kMustBeNoted,
                       .start = start.value,
                       .end = (start + size).value,
                       .regions = reinterpret_cast<uint64_t>(regions.data()),
                       .most_regions = regions.size(),
                       .all_of = kIsWritten,
                       .wanted = kIsWritten};
  const int found = ioctl(pagemap.get(), kScan, &scan);
  if (found < 0) return MakeError("PAGEMAP_SCAN: {}", LastErrno().Explain());
  std::vector<Hva> pages;
  for (int i = 0; i < found; ++i) {
    for (uint64_t page = regions[i].start; page < regions[i].end; page += kPage.count) {
      pages.push_back({page});
    }
  }
  return pages;
}

}  // namespace kct
