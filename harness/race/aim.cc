// SPDX-License-Identifier: GPL-2.0-only
#include "harness/race/aim.h"

#include <algorithm>

namespace kct {
namespace {

constexpr double kBeyond = 1.1;        // how much wider than the overlap range we aim
constexpr double kLongestDelay = 3e7;  // ticks, about 10 ms

}  // namespace

void RecentMedian::Add(int64_t value) { ring_[count_++ % kWindow] = value; }

int64_t RecentMedian::value() const {
  if (empty()) return 0;
  std::array<int64_t, kWindow> sorted = ring_;
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(count_, kWindow));
  const auto middle = sorted.begin() + (end - sorted.begin()) / 2;
  std::nth_element(sorted.begin(), middle, end);
  return *middle;
}

Delays Aim::Next() {
  if (skew_.empty()) return {};
  // With the second beginning `start` after the first, the calls overlap for
  // -second_duration < start < first_duration.
  const auto first = static_cast<double>(first_duration_.value());
  const auto second = static_cast<double>(second_duration_.value());
  const double unit = static_cast<double>(random_.Next() >> 11) * 0x1p-53;
  const double start = (first - second) / 2 + (first + second) * kBeyond * (unit - 0.5);
  const double delay =
      std::clamp(start - static_cast<double>(skew_.value()), -kLongestDelay, kLongestDelay);
  return delay >= 0 ? Delays{0, static_cast<int64_t>(delay)}
                    : Delays{static_cast<int64_t>(-delay), 0};
}

void Aim::Learn(const Delays& used, const CallRecord& first, const CallRecord& second) {
  const auto start = static_cast<int64_t>(second.begin - first.begin);
  skew_.Add(start - (used.second - used.first));
  first_duration_.Add(static_cast<int64_t>(first.end - first.begin));
  second_duration_.Add(static_cast<int64_t>(second.end - second.begin));
}

}  // namespace kct
