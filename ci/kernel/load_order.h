// SPDX-License-Identifier: GPL-2.0-only
// Which modules a kernel under test needs, in the order in which they load.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ci/kernel/kernel.h"
#include "harness/base/result.h"

namespace kct {

struct LoadedModule {
  std::string name;   // with hyphens: "kvm-amd"
  std::string bytes;  // the ELF object, decompressed
};

// The wanted modules and all that they depend on, dependencies first, each once; the kernel's
// overrides in place of its own files. What is built into the kernel is left out. An Error names
// the module that is missing, broken or built for another kernel.
Result<std::vector<LoadedModule>> ModulesInLoadOrder(const Kernel& kernel,
                                                     const std::vector<std::string>& wanted);

// Names of the modules that are built into the kernel, as far as its modules.builtin or its
// configuration tells.
std::set<std::string> BuiltInModules(const Kernel& kernel);

// Every module file of the kernel by name, overrides included.
std::map<std::string, std::filesystem::path> ModuleFiles(const Kernel& kernel);

}  // namespace kct
