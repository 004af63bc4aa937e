// SPDX-License-Identifier: GPL-2.0-only
// Clause: one numbered statement about the ABI of KVM, as written in docs/spec.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace kct {

// How firm the ground is that a clause stands on.
enum class Standing {
  kDocumented,   // the API document or a comment of the uapi header promises it
  kImplemented,  // the code does it and user space depends on it; nobody wrote it down
  kDisputed,     // document and code differ, or the developers argued about it
  kProposed,     // no released kernel has it; the claim is what was proposed on the lists
};

inline constexpr std::array<std::string_view, 4> kStandingNames{
    "documented", "implemented, not documented", "disputed", "proposed, not merged"};

constexpr std::string_view Name(Standing standing) {
  return kStandingNames[static_cast<std::size_t>(standing)];
}

constexpr std::optional<Standing> StandingByName(std::string_view name) {
  for (std::size_t i = 0; i < kStandingNames.size(); ++i) {
    if (kStandingNames[i] == name) return static_cast<Standing>(i);
  }
  return std::nullopt;
}

// All texts are one line of UTF-8 without a line break. docs/spec/README.md explains the fields.
struct Clause {
  std::string_view id;     // "PREFAULT-36"
  std::string_view title;  // a claim in one line
  std::string_view claim;
  Standing standing;
  std::string_view source;
  std::string_view kernels;    // "6.11..6.17: hangs; 6.18..: EAGAIN"
  std::string_view needs;      // "tdp", "swp | snp | tdx", "tdp, gmem"
  std::string_view untested;   // why no test shows it on a default VM; empty: a test does
  std::string_view page = {};  // of docs/spec: "prefault.md"
  // The rest may be empty.
  std::string_view doc = {};         // sentences of the kernel's documents: ci/spec/doc_field.h
  std::string_view answer = {};      // what a call answers: ci/spec/answer_field.h
  std::string_view unmodelled = {};  // why no function of the model decides it
};

}  // namespace kct
