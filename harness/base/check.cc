// SPDX-License-Identifier: GPL-2.0-only
#include "harness/base/check.h"

#include <unistd.h>

#include <cstdio>

#include "harness/base/verdict.h"

namespace kct {

void Die(const char* file, int line, std::string_view what, std::string_view detail) {
  std::fprintf(stderr, "kct bug: %s:%d: %.*s%s%.*s\n", file, line, static_cast<int>(what.size()),
               what.data(), detail.empty() ? "" : ": ", static_cast<int>(detail.size()),
               detail.data());
  std::fflush(nullptr);
  _exit(ExitStatus(Verdict::kHarnessBug));
}

}  // namespace kct
