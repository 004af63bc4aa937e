// SPDX-License-Identifier: GPL-2.0-only
// Kernel: a kernel under test as files on this machine, ready to boot.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "harness/base/result.h"

namespace kct {

struct Kernel {
  std::string spec;               // that names exactly this one: "debian:7.3.4-1~bpo13+1" or a path
  std::string release;            // what uname -r will say: "7.3.4+deb13-cloud-amd64"
  std::filesystem::path image;    // bzImage
  std::filesystem::path modules;  // directory that holds its modules, searched recursively
  std::filesystem::path config;   // empty: not known
  std::filesystem::path system_map;  // empty: not known
  // Modules to take from elsewhere: module name ("kvm", "kvm-amd") -> file.
  std::map<std::string, std::filesystem::path> module_overrides;
};

}  // namespace kct
