# SPDX-License-Identifier: GPL-2.0-only
# Writes the header with kct's version; run at each build, rewrites it only when it changed.
#   cmake -DSOURCE=… -DFALLBACK=… -DHEADER=… -P version.cmake
execute_process(COMMAND git -C ${SOURCE} describe --tags --always --dirty
  OUTPUT_VARIABLE describe OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
set(version ${FALLBACK})
if(status EQUAL 0)
  string(APPEND version " (${describe})")
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT [[
// SPDX-License-Identifier: GPL-2.0-only
#pragma once
namespace kct {
inline constexpr const char* kVersion = "@version@";
}
]] @ONLY)
