// SPDX-License-Identifier: GPL-2.0-only
// Which lines of a kernel log say that the kernel is not well.
#pragma once

#include <string_view>

namespace kct {

bool IsKernelComplaint(std::string_view line);

}  // namespace kct
