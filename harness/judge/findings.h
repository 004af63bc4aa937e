// SPDX-License-Identifier: GPL-2.0-only
// Findings: what the judge makes of all histories of one run of a test.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/judge/judge.h"

namespace kct {

struct Findings {
  unsigned explained = 0;
  unsigned contradicted = 0;
  unsigned gave_up = 0;
  std::vector<std::string> clauses;         // that the contradictions blame, each once
  std::vector<std::string> contradictions;  // each in words
  std::vector<std::string> doubts;          // why the judge gave up, each time
};

Findings JudgeAll(std::span<const Recording> recordings);

}  // namespace kct
