// SPDX-License-Identifier: GPL-2.0-only
// `kct session`: machines that stay up while CTest runs one test after the other.
//
//   kct session start          a server in the background; its machines boot when needed
//   kct session run TEST       one test; what it printed, and the exit status of its verdict
//   kct session stop
//
// The server ends by itself when nobody came for two minutes, or when its folder is gone.
#pragma once

#include <filesystem>
#include <string>

#include "ci/kct/lab.h"

namespace kct {

struct SessionOptions {
  std::filesystem::path folder;  // empty: "session" beside the folder of this program
  LabOptions lab;
  uint64_t seed = 0;
};

Exit StartSession(const SessionOptions& options);
// The status of the test process; a known failure is 0, as an expected answer is.
int RunInSession(const SessionOptions& options, const std::string& test);
// No session is as good as a stopped one.
Exit StopSession(const SessionOptions& options);

}  // namespace kct
