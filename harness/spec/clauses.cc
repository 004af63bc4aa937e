// SPDX-License-Identifier: GPL-2.0-only
#include "harness/spec/clauses.h"

namespace kct {
namespace {

constexpr Clause kClauses[] = {
#include "kct_generated/clause_table.inc"
};

}  // namespace

std::span<const Clause> AllClauses() { return kClauses; }

const Clause* FindClause(std::string_view id) {
  for (const Clause& clause : kClauses) {
    if (clause.id == id) return &clause;
  }
  return nullptr;
}

}  // namespace kct
