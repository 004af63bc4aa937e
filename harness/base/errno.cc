// SPDX-License-Identifier: GPL-2.0-only
#include "harness/base/errno.h"

#include <fmt/format.h>
#include <string.h>

#include <cerrno>

namespace kct {
namespace {

constexpr int kLargestErrno = EHWPOISON;

}  // namespace

std::string Errno::Name() const {
  if (value_ == 0) return "0";
  const char* name = strerrorname_np(value_);
  return name != nullptr ? std::string(name) : fmt::format("errno {}", value_);
}

std::string Errno::Explain() const {
  return fmt::format("{} ({})", Name(),
                     strerrordesc_np(value_) ? strerrordesc_np(value_) : "unknown");
}

std::optional<Errno> ErrnoByName(std::string_view name) {
  if (name == "EWOULDBLOCK") return Errno(EWOULDBLOCK);
  if (name == "EDEADLOCK") return Errno(EDEADLOCK);
  if (name == "ENOTSUP") return Errno(ENOTSUP);
  for (int value = 1; value <= kLargestErrno; ++value) {
    const char* known = strerrorname_np(value);
    if (known != nullptr && name == known) return Errno(value);
  }
  return std::nullopt;
}

Errno LastErrno() { return Errno(errno); }

}  // namespace kct
