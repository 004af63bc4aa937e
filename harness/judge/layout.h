// SPDX-License-Identifier: GPL-2.0-only
// Layout: where in the picture each call is.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/judge/judge.h"

namespace kct {

// Time to the right. Between two moments at which something happens there is neither too little
// space to see nor more than the eye needs; where it was cut short, that is marked.
class TimeAxis {
 public:
  TimeAxis(std::vector<uint64_t> moments, double left, double right);

  // REQUIRES: `time` is one of the moments.
  double X(uint64_t time) const { return x_.at(time); }
  const std::map<uint64_t, double>& moments() const { return x_; }
  // Where time was cut short: the middle of the gap.
  const std::vector<double>& cuts() const { return cuts_; }
  double right() const { return right_; }

 private:
  std::map<uint64_t, double> x_;
  std::vector<double> cuts_;
  double right_;
};

// A call's bar.
struct Bar {
  uint32_t call;  // index into Recording::calls
  double left, right;
  double end;  // of what is written above and below it
  double top;  // of its row
  std::string label;
};

struct LaneBand {
  uint32_t lane;     // index into Recording::lanes
  std::string what;  // "host thread", "vCPU", "notifier source"
  double top, height;
};

struct Layout {
  TimeAxis axis;
  std::vector<LaneBand> lanes;
  std::vector<Bar> bars;
  double width, height;
  std::string unit;
};

inline constexpr double kRowHeight = 46;

// The calls of the core and its context.
Layout LayOut(const Recording& recording, const Judgement& judgement);

// What stands below a bar.
std::string ReasonText(const CoreCall& core);
std::string SightingText(const Sighting& sighting);

// The widths of this many characters in the picture's small type.
double TextWidth(std::string_view text);

}  // namespace kct
