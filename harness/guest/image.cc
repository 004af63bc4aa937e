// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/image.h"

extern "C" const std::byte kct_guest_interpreter_begin[];
extern "C" const std::byte kct_guest_interpreter_end[];

namespace kct {

std::span<const std::byte> InterpreterImage() {
  return {kct_guest_interpreter_begin, kct_guest_interpreter_end};
}

}  // namespace kct
