// SPDX-License-Identifier: GPL-2.0-only
// Lies: named falsifications of what the kernel answers, to show that a test can fail.
//
// With --lie=NAME every ioctl passes through the lie, and a test that names the clause the lie
// breaks must not pass. tests/can_fail.txt says which lie each test is held against.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "harness/abi/backend.h"

namespace kct {

struct Lie {
  std::string_view name;
  std::string_view description;
  // Answers an ioctl: by the real kernel, and then perhaps something else.
  RawAnswer (*answer)(Backend& kernel, int fd, unsigned long request, uintptr_t argument);
};

std::span<const Lie> AllLies();

// Passes ioctls to `kernel` through a lie. nullptr: no lie of that name.
std::unique_ptr<Backend> MakeLiar(std::string_view name, Backend& kernel);

}  // namespace kct
