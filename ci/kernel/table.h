// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "ci/kernel/built_store.h"
#include "ci/kernel/debian_index.h"

namespace kct {

// Kernels as a table for a terminal, a line each, with a head: what to write behind --kernel,
// release, suite, download size, and whether it is in the cache. Incomplete ones are left out and
// counted in a last line.
std::string KernelTable(const std::vector<KernelPackage>& kernels);

// The same for kernels that were built here: what to write behind --kernel, release, day, sources.
std::string BuiltTable(const std::vector<BuiltKernel>& kernels);

}  // namespace kct
