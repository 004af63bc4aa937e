// SPDX-License-Identifier: GPL-2.0-only
// KCT_CHECK: an invariant of kct itself. Its failure is our bug, never a finding about a kernel:
// the process prints one line and exits with Exit::kHarnessBug.
#pragma once

#include <string_view>

namespace kct {

// Prints "kct bug: FILE:LINE: WHAT: DETAIL" to stderr and ends the process.
[[noreturn]] void Die(const char* file, int line, std::string_view what, std::string_view detail);

}  // namespace kct

#define KCT_CHECK(condition)                                          \
  do {                                                                \
    if (!(condition)) ::kct::Die(__FILE__, __LINE__, #condition, ""); \
  } while (false)
