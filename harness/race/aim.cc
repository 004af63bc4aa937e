// SPDX-License-Identifier: GPL-2.0-only
#include "harness/race/aim.h"

#include <algorithm>

namespace kct {
namespace {

constexpr double kWeight = 0.2;         // of the newest round in the running means
constexpr double kBeyond = 1.25;        // how much wider than the overlap range we aim
constexpr double kLongestDelay = 3e7;   // ticks, about 10 ms: a mean can be spoilt by one outlier

void Update(double& mean, double value) { mean += kWeight * (value - mean); }

}  // namespace

Delays Aim::Next() {
  if (!learnt_) return {};
  // The second begins `start` after the first; they overlap for -second_duration < start < first_duration.
  const double width = (first_duration_ + second_duration_) * kBeyond;
  const double centre = (first_duration_ - second_duration_) / 2;
  const double unit = static_cast<double>(random_.Next() >> 11) * 0x1p-53;
  const double start = centre + width * (unit - 0.5);
  const double delay = std::clamp(start - skew_, -kLongestDelay, kLongestDelay);
  return delay >= 0 ? Delays{0, static_cast<int64_t>(delay)}
                    : Delays{static_cast<int64_t>(-delay), 0};
}

void Aim::Learn(const Delays& used, const CallRecord& first, const CallRecord& second) {
  const double start = static_cast<double>(static_cast<int64_t>(second.begin - first.begin));
  const double undelayed = start - static_cast<double>(used.second - used.first);
  const double first_took = static_cast<double>(first.end - first.begin);
  const double second_took = static_cast<double>(second.end - second.begin);
  if (!learnt_) {
    skew_ = undelayed;
    first_duration_ = first_took;
    second_duration_ = second_took;
    learnt_ = true;
    return;
  }
  Update(skew_, undelayed);
  Update(first_duration_, first_took);
  Update(second_duration_, second_took);
}

}  // namespace kct
