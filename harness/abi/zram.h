// SPDX-License-Identifier: GPL-2.0-only
// Zram: a disk that is kept, compressed, in memory.
//
//   KCT_TRY(Zram disk, Zram::Make(16_MiB));
//   KCT_TRY_STATUS(disk.UseForSwap());
#pragma once

#include <string>

#include "harness/base/result.h"
#include "harness/base/units.h"

namespace kct {

class Zram {
 public:
  // Error: this kernel has no zram, or it is not for us (root is needed).
  static Result<Zram> Make(Bytes size);
  Zram(Zram&& other) noexcept { *this = std::move(other); }
  Zram& operator=(Zram&& other) noexcept {
    std::swap(number_, other.number_);
    std::swap(swaps_, other.swaps_);
    return *this;
  }
  // What was swapped out comes back first. REQUIRES: nobody has it open.
  ~Zram();

  // "/dev/zram1".
  std::string path() const;
  // The kernel may swap to it from now on.
  Status UseForSwap();

 private:
  explicit Zram(int number) : number_(number) {}

  int number_ = -1;  // -1: none
  bool swaps_ = false;
};

}  // namespace kct
