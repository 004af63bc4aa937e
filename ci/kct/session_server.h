// SPDX-License-Identifier: GPL-2.0-only
// The server of `kct session`.
//
// A client sends one line, "run TEST" or "stop", and gets text, the last line of which is "exit N".
#pragma once

#include <filesystem>

#include "ci/kct/lab.h"
#include "harness/base/unique_fd.h"

namespace kct {

struct ServerPlace {
  std::filesystem::path folder;
  UniqueFd listener;
  uint64_t seed = 0;
};

// Serves until "stop", a signal, two minutes without a client, or the loss of the folder. Then
// writes the report of all that ran.
Exit Serve(ServerPlace place, Lab& lab);

}  // namespace kct
