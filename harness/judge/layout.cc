// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/judge/explain.h"

namespace kct {
namespace {

using model::Kind;

constexpr double kLaneTitle = 150, kMargin = 16, kAxisHeight = 40, kLanePadding = 8;
constexpr double kPlot = 900;  // where nothing is cut short
constexpr double kLeastGap = 26, kMostGap = 220, kHangs = 90;
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
    ends[row] = std::max(bar->right, bar->left + TextWidth(bar->label));
    bar->top = top + static_cast<double>(row) * kRowHeight;
  }
  return ends.size();
}

}  // namespace

TimeAxis::TimeAxis(std::vector<uint64_t> moments, double left, double right) : right_(right) {
  std::sort(moments.begin(), moments.end());
  moments.erase(std::unique(moments.begin(), moments.end()), moments.end());
  if (moments.empty()) return;
  const auto span = static_cast<double>(std::max<uint64_t>(moments.back() - moments[0], 1));
  double x = left;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    if (i > 0) {
      const double gap = static_cast<double>(moments[i] - moments[i - 1]) / span * (right - left);
      const double shown = std::clamp(gap, kLeastGap, kMostGap);
      if (gap > kMostGap) cuts_.push_back(x + shown / 2);
      x += shown;
    }
    x_[moments[i]] = x;
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
  double right = layout.axis.right();
  for (uint32_t index : calls) {
    const RecordedCall& call = recording.calls[index];
    const double end = call.returned ? layout.axis.X(call.end) : layout.axis.right() + kHangs;
    layout.bars.push_back({index, layout.axis.X(call.begin), end, 0, LabelOf(call)});
    right = std::max({right, end, layout.bars.back().left + TextWidth(layout.bars.back().label)});
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

}  // namespace kct
