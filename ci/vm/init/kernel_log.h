// SPDX-License-Identifier: GPL-2.0-only
// Kernel log records, passed on as K lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ci/vm/init/port.h"

namespace kct {

// "USEC LEVEL TEXT" of a record as /dev/kmsg gives it ("6,501,34567,-;text\n KEY=value\n");
// nothing if it isn't one.
std::optional<std::string> KernelLogLine(std::string_view record);

// Passes on what the log holds now.
void ForwardKernelLog(const Port& port, int log);

}  // namespace kct
