// SPDX-License-Identifier: GPL-2.0-only
// Where a guest's own page tables lead: for addresses of the upper half (guest/abi.h). The others
// are guest physical ones.
#pragma once

#include <optional>
#include <vector>

#include "harness/imitation/stay.h"
#include "harness/model/step.h"

namespace kct::imitation {

// The guest physical address that `address` stands for on this vCPU, by KVM's copies of the
// entries. None: an entry on the way is not present.
std::optional<Gpa> Translate(Stay& stay, Vm& vm, const Vcpu& vcpu, uint64_t address);

// A write of the guest, of `width` bytes at `gpa`, where there may be entries: it begins before the
// write, and looks for copies once that is done.
class TrackedWrite {
 public:
  TrackedWrite(Stay& stay, Vm& vm, const Vcpu& vcpu, Gpa gpa, uint32_t width);
  void Written();

 private:
  bool LooksFirst() const;
  void Look();

  Stay& stay_;
  Vm& vm_;
  const Vcpu& vcpu_;
  const Gpa gpa_;
  const uint32_t width_;
  std::vector<model::Pending> writes_;  // of the entries that are known
};

}  // namespace kct::imitation
