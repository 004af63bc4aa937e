// SPDX-License-Identifier: GPL-2.0-only
// PAGEMAP_SCAN: which pages were written, and protection of them in the same step (Linux 6.7).
#pragma once

#include <vector>

#include "harness/base/result.h"
#include "harness/base/units.h"

namespace kct {

// The pages of a range that were written since they were last protected, in their order; each of
// them is protected again. Whoever writes one is noted and not held up. REQUIRES: a userfaultfd
// over the range, OnFault::kNoted, FaultKind::kProtected. Error: as the kernel says it.
Result<std::vector<Hva>> TakeWrittenPages(Hva start, Bytes size);

}  // namespace kct
