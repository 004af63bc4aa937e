// SPDX-License-Identifier: GPL-2.0-only
// Timeline: the points in time of a recording at which something is demanded of an explanation.
#pragma once

#include <vector>

#include "harness/base/result.h"
#include "harness/history/recording.h"

namespace kct {

struct Point {
  // kQuiet: the end of a recording in which calls hang. Whatever could go on has gone on.
  enum class Kind : uint8_t { kBegin, kSighting, kEnd, kQuiet };
  uint64_t time;
  Kind kind;
  uint32_t call;       // not for kQuiet
  model::Phase phase;  // kSighting
};

// In order of time; what happened at the same tick overlapped: beginnings come first. Error: the
// recording breaks an assumption.
Result<std::vector<Point>> TimelineOf(const Recording& recording);

}  // namespace kct
