// SPDX-License-Identifier: GPL-2.0-only
// ForcedEmulation: has KVM carry out instructions of a guest that the CPU could.
//
//   const ForcedEmulation forced;
//   ASSERT_OK(forced.Begin());
//
// Needs root and a CPU (Need::kRoot, Need::kCpu).
#pragma once

#include "harness/kvm/kvm.h"

namespace kct {

// Makes KVM emulate what follows ud2 and "kvm" in the guest's code, while it lives.
class ForcedEmulation {
 public:
  ForcedEmulation() : before_(ModuleParameter("kvm", kParameter)) {}
  ~ForcedEmulation() { (void)SetModuleParameter("kvm", kParameter, before_); }
  ForcedEmulation(const ForcedEmulation&) = delete;
  ForcedEmulation& operator=(const ForcedEmulation&) = delete;
  Status Begin() const { return SetModuleParameter("kvm", kParameter, "1"); }

 private:
  static constexpr std::string_view kParameter = "force_emulation_prefix";
  std::string before_;
};

}  // namespace kct
