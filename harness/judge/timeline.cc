// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/timeline.h"

#include <algorithm>

namespace kct {

Result<std::vector<Point>> TimelineOf(const Recording& recording) {
  std::vector<Point> points;
  bool hangs = false;
  points.reserve(2 * recording.calls.size() + recording.sightings.size());
  for (uint32_t i = 0; i < recording.calls.size(); ++i) {
    const RecordedCall& call = recording.calls[i];
    if (call.refused) continue;
    if (call.returned && call.end < call.begin) {
      return MakeError("call {} ends before it begins", i);
    }
    if (call.op.vcpu >= model::kMostVcpus) {
      return MakeError("call {} is of vCPU {}; at most {} can be judged", i, call.op.vcpu,
                       model::kMostVcpus);
    }
    points.push_back({call.begin, Point::Kind::kBegin, i, model::Phase::kCalled});
    if (call.returned) points.push_back({call.end, Point::Kind::kEnd, i, model::Phase::kOver});
    hangs = hangs || !call.returned;
  }
  for (const Sighting& sighting : recording.sightings) {
    if (sighting.call >= recording.calls.size()) {
      return MakeError("a sighting of call {}; there are {}", sighting.call,
                       recording.calls.size());
    }
    const RecordedCall& call = recording.calls[sighting.call];
    if (call.refused) continue;
    if (sighting.time < call.begin || (call.returned && sighting.time > call.end)) {
      return MakeError("a sighting of call {} when it was not under way", sighting.call);
    }
    points.push_back({sighting.time, Point::Kind::kSighting, sighting.call, sighting.phase});
  }
  std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    return a.time != b.time ? a.time < b.time : a.kind < b.kind;
  });
  if (hangs && !recording.truncated) {
    points.push_back({UINT64_MAX, Point::Kind::kQuiet, UINT32_MAX, model::Phase::kCalled});
  }
  return points;
}

}  // namespace kct
