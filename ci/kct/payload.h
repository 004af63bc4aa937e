// SPDX-License-Identifier: GPL-2.0-only
// The initramfs of a run: PID 1, the test binaries, the modules of KVM and of what tests need.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ci/kernel/kernel.h"
#include "harness/base/result.h"

namespace kct {

// The bytes of the archive: programs in /bin, with the shared libraries of those that need some.
// An Error if a file can't be read, a program is none, or a library of one is missing here.
Result<std::string> MakePayload(const Kernel& kernel, const std::filesystem::path& init,
                                const std::vector<std::filesystem::path>& programs);

}  // namespace kct
