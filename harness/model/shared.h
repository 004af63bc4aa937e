// SPDX-License-Identifier: GPL-2.0-only
// Shared: a value that copies share until one of them writes. For the part of a state that most
// states don't have: a copy of one that was never written copies a null pointer.
#pragma once

#include <memory>

namespace kct::model {

template <typename T>
class Shared {
 public:
  // Whether nothing was ever written to it.
  bool untouched() const { return value_ == nullptr; }
  const T& operator*() const { return value_ == nullptr ? kUntouched : *value_; }
  const T* operator->() const { return &**this; }

  T& Write() {
    if (value_ == nullptr) {
      value_ = std::make_shared<T>();
    } else if (value_.use_count() > 1) {
      value_ = std::make_shared<T>(*value_);
    }
    return *value_;
  }

  bool operator==(const Shared& other) const { return value_ == other.value_ || **this == *other; }

 private:
  inline static const T kUntouched{};

  std::shared_ptr<T> value_;
};

}  // namespace kct::model
