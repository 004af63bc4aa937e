// SPDX-License-Identifier: GPL-2.0-only
// Random: the only source of randomness. Same seed, same numbers, on every machine.
#pragma once

#include <cstdint>

namespace kct {

class Random {
 public:
  explicit constexpr Random(uint64_t seed) : state_(seed) {}

  // SplitMix64: one addition and three xor-shift-multiply steps (Steele, Lea, Flood 2014).
  constexpr uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // In [0, limit). REQUIRES: limit > 0
  constexpr uint64_t Below(uint64_t limit) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(Next()) * limit) >> 64);
  }

  // A generator of its own for a part of the work, so that parts don't disturb each other.
  constexpr Random Fork(uint64_t salt) const {
    return Random(Random(state_ ^ (salt * 0xd1342543de82ef95 + 1)).Next());
  }

 private:
  uint64_t state_;
};

}  // namespace kct
