// SPDX-License-Identifier: GPL-2.0-only
// Kernel modules as files: plain or compressed ELF objects with a .modinfo section.
//
// A module has one name here, with hyphens, whatever its file says: "kvm-amd" for kvm_amd.ko.xz.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace kct {

struct Module {
  std::string name;
  std::string release;               // of the kernel that it was built for
  std::vector<std::string> depends;  // names
  std::string bytes;                 // the ELF object, decompressed
};

// The name a module file gives its module; nothing for a file that is no .ko, .ko.xz, .ko.zst or
// .ko.gz.
std::optional<std::string> ModuleNameOf(const std::filesystem::path& file);

// "kvm_amd" -> "kvm-amd".
std::string CanonicalModuleName(std::string_view name);

// Reads, decompresses and checks a module.
Result<Module> ReadModule(const std::filesystem::path& file);

// A file's bytes, decompressed where it is compressed in a way that libarchive knows.
Result<std::string> ReadDecompressed(const std::filesystem::path& file);

}  // namespace kct
