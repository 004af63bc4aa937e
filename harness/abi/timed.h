// SPDX-License-Identifier: GPL-2.0-only
// Timed: a system call as a record.
#pragma once

#include "harness/abi/call.h"
#include "harness/base/clock.h"

namespace kct {

// Stamps and records a call that returns -1 and sets errno when it fails.
template <typename Function>
CallRecord Timed(const char* what, const ArgWords& words, Function function) {
  CallRecord record{.what = what, .before = words, .after = words};
  record.begin = StampTsc();
  record.ret = function();
  const Errno error = LastErrno();
  record.end = StampTsc();
  if (record.ret < 0) record.error = error;
  return record;
}

}  // namespace kct
