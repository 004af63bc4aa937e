// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/image.h"

extern "C" const std::byte kct_guest_interpreter_begin[];
extern "C" const std::byte kct_guest_interpreter_end[];
extern "C" const std::byte kct_guest_real_mode_begin[];
extern "C" const std::byte kct_guest_real_mode_end[];
extern "C" const std::byte kct_guest_hypervisor_begin[];
extern "C" const std::byte kct_guest_hypervisor_end[];
extern "C" const std::byte kct_guest_smm_begin[];
extern "C" const std::byte kct_guest_smm_end[];

namespace kct {

std::span<const std::byte> InterpreterImage() {
  return {kct_guest_interpreter_begin, kct_guest_interpreter_end};
}

std::span<const std::byte> RealModeImage() {
  return {kct_guest_real_mode_begin, kct_guest_real_mode_end};
}

std::span<const std::byte> HypervisorImage() {
  return {kct_guest_hypervisor_begin, kct_guest_hypervisor_end};
}

std::span<const std::byte> SmmImage() { return {kct_guest_smm_begin, kct_guest_smm_end}; }

}  // namespace kct
