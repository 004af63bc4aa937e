// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/judge/explain.h"

namespace kct {
namespace {

using model::Kind;

constexpr double kLaneTitle = 150, kMargin = 16, kAxisHeight = 40, kLanePadding = 8;
constexpr double kPlot = 1040;  // where nothing is cut short
constexpr double kLeastGap = 24, kHangs = 110;
constexpr double kLetter = 6.3;

std::string ShortName(const model::Operation& op) {
  switch (op.kind) {
    case Kind::kSetRegion:
      return op.size == 0 ? fmt::format("delete slot {:#x}", op.slot)
                          : fmt::format("set slot {:#x} at {:#x}", op.slot, op.address);
    case Kind::kPreFault:
      return fmt::format("prefault {:#x}+{:#x}", op.address, op.size);
    case Kind::kRun:
      return "KVM_RUN";
    case Kind::kAccess:
      if (op.access == model::Access::kWrite) {
        return fmt::format("write {:#x} := {:#x}", op.address, op.value);
      }
      return fmt::format("{} {:#x}", op.access == model::Access::kRead ? "read" : "execute",
                         op.address);
    default:
      return op.ToString();
  }
}

std::string LabelOf(const RecordedCall& call) {
  return fmt::format("{} → {}", ShortName(call.op),
                     call.returned ? AnswerText(call) : "never returned");
}

std::string_view WhatLaneIs(const Recording& recording, uint32_t lane) {
  for (const RecordedCall& call : recording.calls) {
    if (call.lane != lane) continue;
    switch (call.op.kind) {
      case Kind::kAccess:
        return "guest";
      case Kind::kRun:
        return "vCPU";
      case Kind::kDropHost:
      case Kind::kDropRoots:
      case Kind::kPunchGuestMemfd:
        return "notifier source";
      default:
        break;
    }
  }
  return "host thread";
}

std::vector<uint64_t> Moments(const Recording& recording, const std::vector<uint32_t>& calls,
                              const Judgement& judgement) {
  std::vector<uint64_t> moments;
  const auto is_shown = [&](uint32_t call) {
    return std::find(calls.begin(), calls.end(), call) != calls.end();
  };
  for (uint32_t index : calls) {
    moments.push_back(recording.calls[index].begin);
    if (recording.calls[index].returned) moments.push_back(recording.calls[index].end);
  }
  for (const Sighting& sighting : recording.sightings) {
    if (is_shown(sighting.call)) moments.push_back(sighting.time);
  }
  for (const StoryStep& step : judgement.story) {
    if (is_shown(step.call) && step.latest != UINT64_MAX) moments.push_back(step.latest);
  }
  return moments;
}

// What is longer than some of the usual gaps is cut short.
uint64_t LongestShown(std::vector<uint64_t> gaps) {
  if (gaps.empty()) return 0;
  std::sort(gaps.begin(), gaps.end());
  return 4 * gaps[gaps.size() / 2];
}

// Up to where what stands below a bar reaches: what was seen of the call, or why it is wrong.
double EndOfNotes(const Recording& recording, const Judgement& judgement, const TimeAxis& axis,
                  const Bar& bar) {
  if (const CoreCall* core = FindInCore(judgement, bar.call)) {
    return bar.left + TextWidth(ReasonText(*core));
  }
  double end = bar.left;
  for (const Sighting& sighting : recording.sightings) {
    if (sighting.call != bar.call) continue;
    end = std::max(end, axis.X(sighting.time) + TextWidth(SightingText(sighting)));
  }
  return end;
}

// Puts the bars of one lane into as few rows as their labels allow. How many.
std::size_t PutIntoRows(std::vector<Bar*>& bars, double top) {
  std::stable_sort(bars.begin(), bars.end(), [](const Bar* a, const Bar* b) {
    return a->left != b->left ? a->left < b->left : a->right > b->right;
  });
  std::vector<double> ends;
  for (Bar* bar : bars) {
    std::size_t row = 0;
    while (row < ends.size() && ends[row] > bar->left - 6) ++row;
    if (row == ends.size()) ends.push_back(0);
    ends[row] = bar->end;
    bar->top = top + static_cast<double>(row) * kRowHeight;
  }
  return ends.size();
}

}  // namespace

TimeAxis::TimeAxis(std::vector<uint64_t> moments, double left, double right) : right_(right) {
  std::sort(moments.begin(), moments.end());
  moments.erase(std::unique(moments.begin(), moments.end()), moments.end());
  if (moments.empty()) return;
  std::vector<uint64_t> gaps;
  for (std::size_t i = 1; i < moments.size(); ++i) gaps.push_back(moments[i] - moments[i - 1]);
  const uint64_t longest = LongestShown(gaps);
  double sum = 0;
  for (uint64_t gap : gaps) sum += static_cast<double>(std::min(gap, longest));
  double x = x_[moments[0]] = left;
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const auto gap = static_cast<double>(std::min(gaps[i], longest));
    const double shown = std::max(gap / sum * (right - left), kLeastGap);
    if (gaps[i] > longest) cuts_.push_back(x + shown / 2);
    x_[moments[i + 1]] = x += shown;
  }
  right_ = x;
}

double TextWidth(std::string_view text) {
  // Bytes that continue a UTF-8 sequence take no place.
  const auto letters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  });
  return static_cast<double>(letters) * kLetter;
}

Layout LayOut(const Recording& recording, const Judgement& judgement) {
  const std::vector<uint32_t> calls = CallsToShow(judgement);
  const double left = kMargin + kLaneTitle;
  Layout layout{TimeAxis(Moments(recording, calls, judgement), left, left + kPlot),
                {},
                {},
                0,
                0,
                std::string(TimeUnit(recording))};
  double right = layout.axis.right() + TextWidth("00000.000");
  for (uint32_t index : calls) {
    const RecordedCall& call = recording.calls[index];
    const double end = call.returned ? layout.axis.X(call.end) : layout.axis.right() + kHangs;
    Bar bar{index, layout.axis.X(call.begin), end, 0, 0, LabelOf(call)};
    bar.end = std::max({end + 8, bar.left + TextWidth(bar.label),
                        EndOfNotes(recording, judgement, layout.axis, bar)});
    right = std::max(right, bar.end);
    layout.bars.push_back(bar);
  }
  double top = kAxisHeight;
  for (uint32_t lane = 0; lane < recording.lanes.size(); ++lane) {
    std::vector<Bar*> bars;
    for (Bar& bar : layout.bars) {
      if (recording.calls[bar.call].lane == lane) bars.push_back(&bar);
    }
    if (bars.empty()) continue;
    const auto rows = static_cast<double>(PutIntoRows(bars, top + kLanePadding));
    const double height = rows * kRowHeight + 2 * kLanePadding;
    layout.lanes.push_back({lane, std::string(WhatLaneIs(recording, lane)), top, height});
    top += height;
  }
  layout.width = right + kMargin;
  layout.height = top + kMargin;
  return layout;
}

std::string ReasonText(const CoreCall& core) {
  return fmt::format("allowed: {} · {}",
                     core.allowed.empty() ? std::string("no answer here")
                                          : fmt::format("{}", fmt::join(core.allowed, ", ")),
                     fmt::join(core.clauses, ", "));
}

std::string SightingText(const Sighting& sighting) {
  return fmt::format("seen: {}", Describe(sighting.phase));
}

}  // namespace kct
