// SPDX-License-Identifier: GPL-2.0-only
// ClauseId: the id of a clause that docs/spec has. A wrong one does not compile:
//
//   ClauseId good = "PREFAULT-36";
//   ClauseId bad = "PREFAULT-360";
//   error: call to non-'constexpr' function 'void kct::NoSuchClauseInDocsSpec(…)'
//
// This header depends on the ids only, so that a change of their prose rebuilds no test.
#pragma once

#include <cstddef>
#include <string_view>

#include "kct_generated/clause_ids.h"

namespace kct {

// Has no definition and is not constexpr: naming it in a constant expression is the error message.
void NoSuchClauseInDocsSpec(std::string_view id);

class ClauseId {
 public:
  template <std::size_t kSize>
  consteval ClauseId(const char (&id)[kSize]) : id_(id, kSize - 1) {
    for (std::string_view known : kClauseIds) {
      if (known == id_) return;
    }
    NoSuchClauseInDocsSpec(id_);
  }

  constexpr std::string_view text() const { return id_; }
  constexpr bool operator==(const ClauseId&) const = default;

 private:
  std::string_view id_;
};

}  // namespace kct
