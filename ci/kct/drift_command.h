// SPDX-License-Identifier: GPL-2.0-only
// `kct drift`: do the clauses, the kernel's documents and its code still say the same?
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ci/kct/exit_status.h"

namespace kct {

struct DriftOptions {
  std::filesystem::path tree;        // sources of a kernel
  std::optional<std::string> find;   // words: print the sentences that have them, and check nothing
  std::string document = "api.rst";  // where to find them
  std::filesystem::path known;       // empty: known-drift.txt beside this program
};

// Exit::kFindings if something drifted that is not known, or nothing was found.
Exit LookForDrift(const DriftOptions& options);

}  // namespace kct
