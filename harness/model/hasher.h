// SPDX-License-Identifier: GPL-2.0-only
// Hasher: mixes words into one. Not for anything that has to be the same tomorrow.
#pragma once

#include <cstdint>

namespace kct::model {

class Hasher {
 public:
  Hasher& Add(uint64_t word) {
    hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 29;
    return *this;
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0x2545f4914f6cdd1d;
};

}  // namespace kct::model
