// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <compare>
#include <string_view>

namespace kct {

// The order in which Debian's tools put two package versions without an epoch:
// 7.3~rc7-1 < 7.3-1 < 7.3.4-1~bpo13+1 < 7.3.4-1 < 7.3.10-1.
std::strong_ordering CompareDebianVersions(std::string_view a, std::string_view b);

// The part before the Debian revision: "7.3.4" of "7.3.4-1~bpo13+1".
std::string_view UpstreamPart(std::string_view version);

}  // namespace kct
