// SPDX-License-Identifier: GPL-2.0-only
// The table of all clauses of docs/spec, in the order of the pages.
//
//   if (const Clause* clause = FindClause("PREFAULT-36")) Print(clause->title);
#pragma once

#include <span>
#include <string_view>

#include "harness/spec/clause.h"

namespace kct {

std::span<const Clause> AllClauses();

// nullptr: there is no such clause.
const Clause* FindClause(std::string_view id);

}  // namespace kct
