// SPDX-License-Identifier: GPL-2.0-only
// FixedVector: a vector of at most kCapacity trivial elements, stored inside. A copy copies the
// elements that are there: states of the model are copied millions of times.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>

#include "harness/base/check.h"

namespace kct::model {

template <typename T, std::size_t kCapacity>
class FixedVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  FixedVector() {}
  FixedVector(const FixedVector& other) { *this = other; }
  FixedVector& operator=(const FixedVector& other) {
    size_ = other.size_;
    std::memcpy(bytes_, other.bytes_, size_ * sizeof(T));
    return *this;
  }

  T* begin() { return reinterpret_cast<T*>(bytes_); }
  T* end() { return begin() + size_; }
  const T* begin() const { return reinterpret_cast<const T*>(bytes_); }
  const T* end() const { return begin() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == kCapacity; }
  T& operator[](std::size_t index) { return begin()[index]; }
  const T& operator[](std::size_t index) const { return begin()[index]; }

  // REQUIRES: !full()
  void push_back(const T& item) {
    KCT_CHECK(!full());
    new (bytes_ + size_++ * sizeof(T)) T(item);
  }
  // Does not keep the order.
  void erase(T* item) {
    *item = begin()[size_ - 1];
    --size_;
  }
  void clear() { size_ = 0; }

 private:
  std::size_t size_ = 0;
  alignas(T) std::byte bytes_[kCapacity * sizeof(T)];  // the first size_ elements are alive
};

}  // namespace kct::model
