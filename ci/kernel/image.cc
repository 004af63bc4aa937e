// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/image.h"

#include <array>
#include <cstring>
#include <fstream>

namespace kct {
namespace {

// Offsets in the header of the x86 boot protocol, version 2.00 and newer.
constexpr size_t kMagicAt = 0x202;
constexpr std::string_view kMagic = "HdrS";
constexpr size_t kBannerOffsetAt = 0x20e;
constexpr size_t kBannerBase = 0x200;
// The set-up code is at most 64 sectors behind the first, and the banner lies in it.
constexpr size_t kHeadSize = 65 * 512;

}  // namespace

Result<ImageBanner> ReadImageBanner(const std::filesystem::path& image) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(image, code)) {
    return MakeError("kernel {}: no such file", image.string());
  }
  std::ifstream file(image, std::ios::binary);
  if (!file) return MakeError("kernel {}: can't be read", image.string());
  std::string head(kHeadSize, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.gcount()));
  if (head.size() < kBannerOffsetAt + 2 || head.substr(kMagicAt, kMagic.size()) != kMagic) {
    return MakeError("kernel {}: not a kernel image; expected a bzImage for x86", image.string());
  }
  uint16_t offset = 0;
  std::memcpy(&offset, head.data() + kBannerOffsetAt, sizeof(offset));
  const size_t start = kBannerBase + offset;
  if (offset == 0 || start >= head.size()) {
    return MakeError("kernel {}: its header names no version; expected a bzImage with one",
                     image.string());
  }
  const std::string text(head.c_str() + start);
  const std::string release = text.substr(0, text.find(' '));
  if (!KernelVersion::Parse(release)) {
    return MakeError("kernel {}: '{}' in its header is no kernel release", image.string(), release);
  }
  return ImageBanner{release, text};
}

Result<KernelVersion> VersionOf(const Kernel& kernel) {
  KCT_TRY(const ImageBanner banner, ReadImageBanner(kernel.image));
  constexpr std::string_view kDistribution = " Debian ";
  if (const size_t at = banner.text.find(kDistribution); at != std::string::npos) {
    const auto version = KernelVersion::Parse(banner.text.substr(at + kDistribution.size()));
    if (version) return version;
  }
  return KernelVersion::Parse(banner.release);
}

}  // namespace kct
