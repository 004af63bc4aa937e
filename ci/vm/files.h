// SPDX-License-Identifier: GPL-2.0-only
// Whole files, read and written so that a reader never finds half of one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "harness/base/result.h"
#include "harness/base/units.h"

namespace kct {

Result<std::string> ReadFile(const std::filesystem::path& path);

// Writes beside the file and renames. When the disk is full or the folder is not writable, the
// file is what it was before.
Status WriteFile(const std::filesystem::path& path, std::string_view content);

// The same with the folders that lead to it.
Status MakeFolder(const std::filesystem::path& path);

// An Error if the file system of `folder` has less than `needed` left.
Status CheckFreeSpace(const std::filesystem::path& folder, Bytes needed);

}  // namespace kct
