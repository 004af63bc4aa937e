// SPDX-License-Identifier: GPL-2.0-only
// The guest payloads as bytes, linked into this program (cmake/KctGuest.cmake).
#pragma once

#include <cstddef>
#include <span>

namespace kct {

// guests/payloads/interpreter.cc, for guest::kImageGpa.
std::span<const std::byte> InterpreterImage();
// guests/payloads/real_mode.S, for GUEST16_IMAGE_GPA.
std::span<const std::byte> RealModeImage();
// guests/payloads/hypervisor.S, for any address.
std::span<const std::byte> HypervisorImage();
// guests/payloads/smm.S, for GUEST_SMBASE + GUEST_SMM_ENTRY.
std::span<const std::byte> SmmImage();

}  // namespace kct
