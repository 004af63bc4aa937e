// SPDX-License-Identifier: GPL-2.0-only
// The kernel modules that the initramfs brought along.
//
// /modules/order names them in load order; /modules/NAME.ko is the file. Parameters come from the
// kernel command line, in the form that built-in code takes them in too: "kvm_amd.npt=0".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/errno.h"

namespace kct {

class Modules {
 public:
  struct Answer {
    Errno error;       // 0: it worked
    std::string what;  // what failed
  };

  // REQUIRES: /proc is mounted.
  Modules();

  Answer LoadAll() const { return LoadFrom(0, ""); }
  // Unloads MODULE and what was loaded after it, and loads them again. COMMAND is
  // "MODULE PARAM=VALUE…"; the parameters of the command line come first, so these win.
  Answer Reload(std::string_view command) const;

 private:
  Answer LoadFrom(std::size_t first, const std::string& parameters_of_first) const;

  std::vector<std::string> names_;
};

// The value of "NAME=value" on the kernel command line; empty if it isn't there.
std::string KernelArgument(std::string_view name);

}  // namespace kct
