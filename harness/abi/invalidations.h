// SPDX-License-Identifier: GPL-2.0-only
// Invalidations: how often KVM was told that host memory changes, as counted by the kernel.
#pragma once

#include <cstdint>
#include <memory>

#include "harness/base/result.h"
#include "harness/base/units.h"

namespace kct {

// Counts, from its beginning on, the calls of KVM's notifier that concern a range of host memory.
class Invalidations {
 public:
  virtual ~Invalidations() = default;
  virtual Result<uint64_t> Count() const = 0;
};

// With the tracepoint kvm:kvm_unmap_hva_range, by whoever in the system makes the calls: threads of
// the kernel merge and collapse pages, too. A process with two VMs has two notifiers, and calls of
// each are counted. Error: this kernel has no such tracepoint, or it is not for us (root is
// needed).
Result<std::unique_ptr<Invalidations>> CountWithTracepoint(Hva start, Bytes size);

}  // namespace kct
