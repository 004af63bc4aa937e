// SPDX-License-Identifier: GPL-2.0-only
// Mapping: host memory from mmap, unmapped at the end of its life.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <utility>

#include "harness/base/result.h"
#include "harness/base/tape.h"
#include "harness/base/units.h"

namespace kct {

class Mapping {
 public:
  // Zeroed private anonymous memory whose address is a multiple of `alignment` (a power of two,
  // at least a page). With the default of 2 MiB the kernel can use huge pages for it.
  static Result<Mapping> Anonymous(Bytes size, Bytes alignment = kHugePage);
  // Shared memory of a file descriptor, from its start.
  static Result<Mapping> OfFile(int fd, Bytes size, Bytes offset = {0});

  // The same memory where somebody else has mapped it; the tape knows its words.
  static Mapping TakeOver(int fd, void* start, Bytes size);

  Mapping() = default;
  Mapping(Mapping&& other) noexcept { *this = std::move(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(start_, other.start_);
    std::swap(size_, other.size_);
    std::swap(taped_, other.taped_);
    lent_ = other.lent_.exchange(lent_);
    return *this;
  }
  ~Mapping();

  Hva hva() const { return HvaOf(start_); }
  Bytes size() const { return size_; }
  // A word of 8 bytes whose stores the tape knows, so that what a guest reads there can be judged.
  HostWord Word(Bytes offset) const { return HostWord(hva() + offset); }

  // From here on the tape takes the memory for one that anybody writes.
  void* data() const {
    Lend();
    return start_;
  }
  // The object of type T at `offset`, to be read and written as other threads and guests may too.
  template <typename T>
  volatile T& At(Bytes offset) const {
    return *reinterpret_cast<volatile T*>(static_cast<char*>(data()) + offset.count);
  }

 private:
  Mapping(void* start, Bytes size) : start_(start), size_(size) {}
  void Lend() const {
    if (!taped_ || lent_.load(std::memory_order_relaxed)) return;
    if (!lent_.exchange(true)) PutOnTape(TapeKind::kMemoryLent, hva().value, size_.count);
  }

  void* start_ = nullptr;
  Bytes size_;
  bool taped_ = false;  // it is memory of its own, which guests may see
  mutable std::atomic<bool> lent_{false};
};

}  // namespace kct
