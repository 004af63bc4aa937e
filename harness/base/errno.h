// SPDX-License-Identifier: GPL-2.0-only
// Errno: an error number as a value that prints its name. It is read from the C library here and
// in harness/abi/ioctl.cc only, right after the call it belongs to.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kct {

class Errno {
 public:
  constexpr Errno() = default;
  constexpr explicit Errno(int value) : value_(value) {}
  constexpr int value() const { return value_; }
  constexpr bool operator==(const Errno&) const = default;

  // "EAGAIN"; "errno 4242" for a number the C library has no name for; "0" for none.
  std::string Name() const;
  // "EAGAIN (Resource temporarily unavailable)", for messages about our own system calls.
  std::string Explain() const;

 private:
  int value_ = 0;
};

// The errno called "EAGAIN"; second names such as EWOULDBLOCK count. nullopt: the C library knows
// none of that name.
std::optional<Errno> ErrnoByName(std::string_view name);

// The calling thread's errno. Call it on the line after the system call.
Errno LastErrno();

}  // namespace kct
