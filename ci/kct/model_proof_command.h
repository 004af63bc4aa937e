// SPDX-License-Identifier: GPL-2.0-only
// `kct prove --target model`: every planted bug is noticed, and every test notices one.
#pragma once

#include "ci/kct/run_command.h"

namespace kct {

// Of `options` it uses the folder of the programs, the filter and the suites. Where those leave
// tests out, so are the bugs whose clauses no test left names.
Exit ProveOnModel(const RunOptions& options);

}  // namespace kct
