// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

namespace kct {

// Text as it is written in XML, HTML and SVG, inside an element or a quoted attribute. Control
// characters that XML 1.0 has no way to write become '?'.
std::string EscapeXml(std::string_view text);

}  // namespace kct
