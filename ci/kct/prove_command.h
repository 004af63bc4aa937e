// SPDX-License-Identifier: GPL-2.0-only
// `kct prove`: every test fails under the lie that it must not survive.
#pragma once

#include "ci/kct/run_command.h"

namespace kct {

// Of `options` it uses the lab, the filter and the suites.
Exit Prove(const RunOptions& options);

}  // namespace kct
