// SPDX-License-Identifier: GPL-2.0-only
// The field Source of a clause, as far as it names files and what is in them.
//
//   mmu/mmu.c:kvm_handle_noslot_fault, kvm_tdp_page_prefault; api.rst 4.143, error table
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kct {

struct SourceName {
  std::string file;  // as it is written: "mmu/mmu.c"
  std::string name;  // "kvm_tdp_page_prefault"; empty: the file as a whole
  bool operator==(const SourceName&) const = default;
};

// What is in parentheses does not count: there the field explains, or speaks of other releases. A
// bare name belongs to the file before it, the first ones to virt/kvm/kvm_main.c. Prose is skipped.
std::vector<SourceName> ParseSourceField(std::string_view source);

}  // namespace kct
