// SPDX-License-Identifier: GPL-2.0-only
// SHA-256, so that a hash on a clause page can be checked with sha256sum(1).
#pragma once

#include <string>
#include <string_view>

namespace kct {

// 64 hex digits.
std::string Sha256(std::string_view text);

}  // namespace kct
