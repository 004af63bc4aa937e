// SPDX-License-Identifier: GPL-2.0-only
// ScarceObjects: while it lives the calling thread gets only so much of the kernel's objects (slab
// allocations), and each one that it asks for beyond that fails, be it that the kernel would wait
// for memory otherwise. With a little more each time a call is made to fail at each of its steps:
//
//   for (Bytes most = {0};; most = most + ScarceObjects::kStep) {
//     ASSERT_OK_AND_ASSIGN(const ScarceObjects scarce, ScarceObjects::AtMost(most));
//     … the call …
//   }
//
// BEWARE: whatever else the thread asks the kernel for meanwhile fails as well. Make the call once
// before, so that all its pages are there.
#pragma once

#include "harness/abi/host.h"

namespace kct {

class ScarceObjects {
 public:
  // Less than the smallest object that KVM keeps by the page of the guest: no step is left out.
  static constexpr Bytes kStep = {512};

  // REQUIRES: CurrentHost().LimitsObjects(), and no other one lives.
  static Result<ScarceObjects> AtMost(Bytes most) {
    KCT_TRY_STATUS(CurrentHost().LimitObjects(most));
    return ScarceObjects();
  }
  ScarceObjects(ScarceObjects&& other) noexcept : is_mine_(std::exchange(other.is_mine_, false)) {}
  ScarceObjects& operator=(ScarceObjects&&) = delete;
  ~ScarceObjects() {
    if (is_mine_) (void)CurrentHost().LimitObjects(std::nullopt);
  }

 private:
  ScarceObjects() = default;
  bool is_mine_ = true;
};

}  // namespace kct
