// SPDX-License-Identifier: GPL-2.0-only
#include "harness/base/errno.h"

#include <fmt/format.h>
#include <string.h>

#include <cerrno>

namespace kct {

std::string Errno::Name() const {
  if (value_ == 0) return "0";
  const char* name = strerrorname_np(value_);
  return name != nullptr ? std::string(name) : fmt::format("errno {}", value_);
}

std::string Errno::Explain() const {
  return fmt::format("{} ({})", Name(),
                     strerrordesc_np(value_) ? strerrordesc_np(value_) : "unknown");
}

Errno LastErrno() { return Errno(errno); }

int FailWith(Errno error) {
  errno = error.value();
  return -1;
}

}  // namespace kct
