// SPDX-License-Identifier: GPL-2.0-only
// The initramfs of a run: PID 1, the test binaries, the modules of KVM.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ci/kernel/kernel.h"
#include "harness/base/result.h"

namespace kct {

// The bytes of the archive. An Error if a file can't be read, or a program is not static and so
// would not start in a VM that has no other files.
Result<std::string> MakePayload(const Kernel& kernel, const std::filesystem::path& init,
                                const std::vector<std::filesystem::path>& programs);

}  // namespace kct
