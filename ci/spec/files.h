// SPDX-License-Identifier: GPL-2.0-only
// Text files, read and written as a whole.
#pragma once

#include <string>
#include <string_view>

#include "harness/base/result.h"

namespace kct {

Result<std::string> ReadFile(const std::string& path);

// The file holds `text` afterwards, or what it held before: never a part. A file that holds `text`
// already is left alone, with its time stamp, so that nothing is rebuilt for it.
Status WriteFileIfChanged(const std::string& path, std::string_view text);

}  // namespace kct
