// SPDX-License-Identifier: GPL-2.0-only
// The kernel under test, as the command line names it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "ci/kct/exit_status.h"
#include "ci/kernel/kernel.h"

namespace kct {

struct KernelChoice {
  std::string kernel = "debian:latest";   // a spec (debian:, built:), or a bzImage
  std::string modules;                    // for a path: where its modules are
  std::vector<std::string> replacements;  // modules (.ko) that take the place of its own
};

// Whether it is a spec of Debian's.
bool IsDebian(const std::string& kernel);

// Fetches a Debian kernel where needed, with progress on standard error.
std::variant<Kernel, Stop> Choose(const KernelChoice& choice);

// "--kernel … --modules …", to choose it again.
std::string AsArguments(const KernelChoice& choice, const Kernel& kernel);

}  // namespace kct
