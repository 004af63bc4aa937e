// SPDX-License-Identifier: GPL-2.0-only
// SourceTree: sources of a kernel, and what tells them from other sources.
#pragma once

#include <filesystem>
#include <string>

#include "ci/kernel/command.h"
#include "ci/kernel/version.h"
#include "harness/base/result.h"

namespace kct {

struct SourceTree {
  std::filesystem::path path;
  KernelVersion version;  // of its Makefile
  std::string name;       // for people: "debian:7.3.4-1", "/home/me/linux, 3fa9c2d with changes"
  // Other sources have another one: the commit and what differs from it; or, where git does not
  // know the folder, names, sizes and times of its files.
  std::string identity;
};

// Without name and identity. An Error says why there are no sources to build from: no folder, no
// kernel, or one that was built in place, which a build elsewhere must not be mixed with.
Result<SourceTree> CheckSourceTree(const std::filesystem::path& path);

// With both.
Result<SourceTree> ReadSourceTree(const std::filesystem::path& path, const CommandRunner& run);

}  // namespace kct
