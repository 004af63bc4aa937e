// SPDX-License-Identifier: GPL-2.0-only
// The banner of a bzImage: what the kernel will say of itself, read without booting it.
#pragma once

#include <filesystem>
#include <string>

#include "ci/kernel/kernel.h"
#include "ci/kernel/version.h"
#include "harness/base/result.h"

namespace kct {

struct ImageBanner {
  std::string release;  // "7.3.4+deb13-cloud-amd64"
  std::string text;     // all of it: release, builder, build number, distribution's version, date
};

// Reads the boot protocol header. An Error says that the file can't be read or is no bzImage.
Result<ImageBanner> ReadImageBanner(const std::filesystem::path& image);

// The upstream version. Debian's release names may hide it ("6.1.0-56-cloud-amd64" is 6.1.192), so
// the version of the package in the banner counts first.
Result<KernelVersion> VersionOf(const Kernel& kernel);

}  // namespace kct
