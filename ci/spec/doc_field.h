// SPDX-License-Identifier: GPL-2.0-only
// The field Doc of a clause: which sentences of the kernel's documents speak about it.
//
//   Doc  4.143 KVM_PRE_FAULT_MEMORY "EINVAL" sha:1a2b3c4d5e; "EINTR An unmasked" sha:5e4d3c2b1a;
//        x86/intel-tdx.rst: KVM_TDX_INIT_VM silent
//   Doc  none
//
// docs/spec/README.md explains it to those who write clauses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace kct {

inline constexpr std::string_view kApiDocument = "api.rst";

// A sentence, or a section that should have one and has none.
struct DocEntry {
  std::string document = std::string(kApiDocument);
  std::string heading;  // with its number: "4.143 KVM_PRE_FAULT_MEMORY"
  std::string label;    // how the sentence begins, to find it with the eye
  std::string hash;     // what it is found by: "1a2b3c4d5e"; empty: the section is silent

  bool IsSilent() const { return hash.empty(); }
};

// No entry for "none" and for an empty value. Entries of one section may leave out the heading
// after the first.
Result<std::vector<DocEntry>> ParseDocField(std::string_view value);

// The entry as it is written in a clause.
std::string RenderDocEntry(const DocEntry& entry);

}  // namespace kct
