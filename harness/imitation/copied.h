// SPDX-License-Identifier: GPL-2.0-only
// Arguments of ioctls as the kernel copies them in and out.
#pragma once

#include <optional>

#include "harness/imitation/user_memory.h"

namespace kct::imitation {

// Nothing: EFAULT.
template <typename T>
std::optional<T> CopyIn(uintptr_t argument) {
  T value;
  if (!ReadUser({argument}, &value, sizeof value)) return std::nullopt;
  return value;
}

template <typename T>
[[nodiscard]] bool CopyOut(uintptr_t argument, const T& value) {
  return WriteUser({argument}, &value, sizeof value);
}

}  // namespace kct::imitation
