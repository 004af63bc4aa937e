// SPDX-License-Identifier: GPL-2.0-only
// `kct judge`: are recorded histories what today's model allows?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ci/kct/exit_status.h"

namespace kct {

struct JudgeOptions {
  std::vector<std::filesystem::path> paths;  // history files, folders of tests, run folders
  std::filesystem::path
      picture;             // where the first contradiction is drawn; empty: beside its history
  std::string plant;       // a bug that is planted in the model first
  bool list_bugs = false;  // list what can be planted, and judge nothing
};

// Exit::kFindings if a history is contradicted, kInconclusive if the judge gave up on one.
Exit JudgeHistories(const JudgeOptions& options);

}  // namespace kct
