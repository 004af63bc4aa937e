// SPDX-License-Identifier: GPL-2.0-only
// Kernels from files of the user's own, and the checks that every kernel passes before it boots.
#pragma once

#include <filesystem>

#include "ci/kernel/kernel.h"
#include "harness/base/result.h"

namespace kct {

// A bzImage and the directory of its modules, which may be the modules themselves
// (/lib/modules/RELEASE), a folder above (/lib/modules, or what modules_install filled), or the
// build tree. `modules` may be empty if KVM is built in and the image's configuration lies beside
// it. An Error says in one line what is wrong: not a kernel, no modules for it, no KVM in it.
Result<Kernel> KernelFromFiles(const std::filesystem::path& image,
                               const std::filesystem::path& modules);

// The kernel with `file` in place of its own module of the same name.
Result<Kernel> WithModule(Kernel kernel, const std::filesystem::path& file);

// That kvm and kvm-amd are there, as modules built for this kernel or in the kernel itself.
Status CheckHasKvm(const Kernel& kernel);

}  // namespace kct
