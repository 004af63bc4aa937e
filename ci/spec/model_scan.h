// SPDX-License-Identifier: GPL-2.0-only
// Which functions of the model decide which clauses: read from its sources. There a choice names
// the clause that allows it, and a bug can be planted where another clause would be broken.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kct {

// A function, a type, a constant, or a row of the table of checks (harness/model/checks.h).
struct ModelPart {
  std::string name;  // "PreFaultChoices", "Vm::Delete", "region-overlap"
  std::string file;  // "harness/model/prefault.cc"
  std::set<std::string> clauses;
};

// "kPrefaultKeepsSize": the clause that this bug breaks.
using ClauseOfBug = std::map<std::string, std::string>;

// The rows {Bug::kPrefaultKeepsSize, "prefault-keeps-size", "PREFAULT-19", …} of a source.
ClauseOfBug ScanBugs(std::string_view source);

// The functions, types and constants of a source that name a clause or ask for a bug. It reads
// text: what begins in the first column is a definition, up to the next one.
std::vector<ModelPart> ScanModel(std::string_view file, std::string_view source,
                                 const ClauseOfBug& bugs);

}  // namespace kct
