// SPDX-License-Identifier: GPL-2.0-only
// The pages of docs/spec as data, and the two generated files that hold them.
//
// A clause on a page:
//
//   ### PREFAULT-05 · A size of zero is an error
//   Claim     A prefault of size 0 fails with EINVAL.
//   Standing  documented
//   Source    virt/kvm/kvm_main.c:kvm_vcpu_pre_fault_memory
//   Doc       (may be left out) 4.143 KVM_PRE_FAULT_MEMORY "EINVAL" sha:1a2b3c4d5e
//   Answer    (where it says what a call answers) KVM_PRE_FAULT_MEMORY EINVAL when size is 0
//   Kernels   6.11..: as claimed
//   Needs     any
//   Untested  (only where no test can show it) why
//   Unmodelled  (only where no function of the model decides it) why
//
// A field may go on in indented lines. A blank line ends the fields.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/spec/clause.h"

namespace kct {

struct PageClause {
  std::string where;  // "docs/spec/prefault.md:12"
  std::string page;   // "prefault.md"
  std::string id;
  std::string title;
  std::string claim;
  Standing standing = Standing::kImplemented;
  std::string source;
  std::string kernels;
  std::string needs;
  std::string untested;  // empty: has a test
  // Empty: left out.
  std::string doc;
  std::string answer;
  std::string unmodelled;
};

// The clauses of a page. `name` is what errors call it: "NAME:LINE: what is wrong".
Result<std::vector<PageClause>> ParsePage(std::string_view name, std::string_view text);

// An error if two of them have the same id.
Status CheckIdsAreUnique(std::span<const PageClause> clauses);

// Rows of an array of Clause, for harness/spec/clauses.cc.
std::string RenderTable(std::span<const PageClause> clauses);

// The header kct_generated/clause_ids.h: only the ids.
std::string RenderIds(std::span<const PageClause> clauses);

}  // namespace kct
