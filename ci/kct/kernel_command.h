// SPDX-License-Identifier: GPL-2.0-only
// `kct kernel`: what kernels there are, and how to get another one.
#pragma once

#include <filesystem>
#include <string>

#include "ci/kct/exit_status.h"

namespace kct {

enum class Kernels { kNewestOfEachSeries, kAll };

// Those that were built here, and Debian's.
Exit ListKernels(Kernels which);

// Fetches one of Debian's.
Exit GetKernel(const std::string& spec);

struct BuildOptions {
  std::string source = "debian:latest";  // a spec of Debian's, or the top of a tree
  std::string config = "sw-protected";   // names of fragments, separated by commas
  unsigned jobs = 0;                     // 0: as many as there are CPUs
  std::filesystem::path fragments;       // empty: kernel-config beside this program
};

Exit BuildKernel(const BuildOptions& options);

}  // namespace kct
