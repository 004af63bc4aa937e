// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/zram.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/swap.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "harness/base/errno.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

constexpr const char* kControl = "/sys/class/zram-control/";

Status WriteWord(const std::string& path, const std::string& word) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && write(file.get(), word.data(), word.size()) >= 0) return {};
  return MakeError("{}: writing '{}': {}", path, word, LastErrno().Explain());
}

// The first page of a disk that can be swapped to (include/linux/swap.h: union swap_header).
std::vector<char> SwapHeader(uint32_t pages) {
  constexpr std::string_view kMagic = "SWAPSPACE2";
  constexpr std::size_t kInfo = 1024;
  const uint32_t info[] = {1 /* version */, pages - 1 /* last page */, 0 /* bad pages */};
  std::vector<char> page(kPage.count);
  std::memcpy(page.data() + kInfo, info, sizeof info);
  std::memcpy(page.data() + page.size() - kMagic.size(), kMagic.data(), kMagic.size());
  return page;
}

}  // namespace

Result<Zram> Zram::Make(Bytes size) {
  std::ifstream added(std::string(kControl) + "hot_add");  // each read makes one
  int number = -1;
  if (!(added >> number)) return MakeError("{}hot_add: can't be read", kControl);
  Zram disk(number);
  KCT_TRY_STATUS(
      WriteWord(fmt::format("/sys/block/zram{}/disksize", number), std::to_string(size.count)));
  const std::vector<char> header = SwapHeader(static_cast<uint32_t>(size / kPage));
  const UniqueFd file(open(disk.path().c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || write(file.get(), header.data(), header.size()) < 0 || fsync(file.get()) != 0) {
    return MakeError("{}: {}", disk.path(), LastErrno().Explain());
  }
  return disk;
}

Zram::~Zram() {
  if (number_ < 0) return;
  if (swaps_) swapoff(path().c_str());
  const Status reset = WriteWord(fmt::format("/sys/block/zram{}/reset", number_), "1");
  if (reset) (void)WriteWord(std::string(kControl) + "hot_remove", std::to_string(number_));
}

std::string Zram::path() const { return fmt::format("/dev/zram{}", number_); }

Status Zram::UseForSwap() {
  if (swapon(path().c_str(), 0) != 0) {
    return MakeError("swapon of {}: {}", path(), LastErrno().Explain());
  }
  swaps_ = true;
  return {};
}

}  // namespace kct
