// SPDX-License-Identifier: GPL-2.0-only
// Backend: where ioctls go. The kernel is one; decorators around it watch calls or falsify answers.
//
// Every ioctl of kct passes through CurrentBackend(), so what wraps it sees all of them.
#pragma once

#include <cstring>

#include "harness/abi/call.h"
#include "harness/base/clock.h"

namespace kct {

struct RawAnswer {
  int ret = 0;
  Errno error;
};

class Backend {
 public:
  virtual ~Backend() = default;
  // Issues one ioctl. `argument` is a pointer or a number, as ioctl(2) takes it.
  virtual RawAnswer Ioctl(int fd, unsigned long request, uintptr_t argument) = 0;
};

// ioctl(2). A closed or negative fd is an errno like any other.
Backend& KernelBackend();

// The backend in force: KernelBackend() until SetBackend. Set it before threads start.
Backend& CurrentBackend();
void SetBackend(Backend& backend);

// Issues an ioctl whose argument is a structure, copied in and out.
template <typename Arg>
Call<Arg> Issue(int fd, unsigned long request, const Arg& arg) {
  Call<Arg> call{.request = request, .before = arg, .after = arg};
  call.begin = StampTsc();
  const RawAnswer answer =
      CurrentBackend().Ioctl(fd, request, reinterpret_cast<uintptr_t>(&call.after));
  call.end = StampTsc();
  call.ret = answer.ret;
  call.error = answer.error;
  return call;
}

// Issues an ioctl whose argument is a number.
inline Call<unsigned long> IssueNumber(int fd, unsigned long request, unsigned long number) {
  Call<unsigned long> call{.request = request, .before = number, .after = number};
  call.begin = StampTsc();
  const RawAnswer answer = CurrentBackend().Ioctl(fd, request, number);
  call.end = StampTsc();
  call.ret = answer.ret;
  call.error = answer.error;
  return call;
}

// Whether the argument of the calling thread's ioctl may be a pointer to nothing.
inline thread_local bool argument_may_be_bad = false;

// Issues an ioctl with a pointer that the caller made, for arguments that are deliberately bad.
inline Call<unsigned long> IssueAt(int fd, unsigned long request, const void* argument) {
  argument_may_be_bad = true;
  const auto call = IssueNumber(fd, request, reinterpret_cast<unsigned long>(argument));
  argument_may_be_bad = false;
  return call;
}

}  // namespace kct
