// SPDX-License-Identifier: GPL-2.0-only
// Result<T>: a value, or an Error that says in one line what went wrong.
//
// For setting the scene (files, file descriptors, memory, user input): things whose failure is not
// what a test is about. What KVM answered is never a Result; it is a Call (harness/abi/call.h).
//
//   Result<UniqueFd> fd = OpenKvm();
//   if (!fd) return fd.error();
//   KCT_TRY(UniqueFd kvm, OpenKvm());     // the same in one line, inside a function -> Result
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "harness/base/check.h"

namespace kct {

struct [[nodiscard]] Error {
  std::string message;
};

template <typename... Args>
Error MakeError(fmt::format_string<Args...> format, Args&&... args) {
  return Error{fmt::format(format, std::forward<Args>(args)...)};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok()
  T& value() & { return Get(); }
  const T& value() const& { return const_cast<Result*>(this)->Get(); }
  T&& value() && { return std::move(Get()); }
  T& operator*() & { return Get(); }
  T&& operator*() && { return std::move(Get()); }
  T* operator->() { return &Get(); }

  // REQUIRES: !ok()
  const Error& error() const {
    KCT_CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  T& Get() {
    if (!ok()) Die(__FILE__, __LINE__, "value of a failed Result", error().message);
    return std::get<0>(state_);
  }
  std::variant<T, Error> state_;
};

// Success or an Error, without a value.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}
  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  // REQUIRES: !ok()
  const Error& error() const {
    KCT_CHECK(error_.has_value());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace kct

#define KCT_CONCAT_INNER(a, b) a##b
#define KCT_CONCAT(a, b) KCT_CONCAT_INNER(a, b)

// KCT_TRY(declaration, expression): declares from a Result's value or returns its Error.
#define KCT_TRY(declaration, ...) \
  KCT_TRY_IMPL(KCT_CONCAT(kct_result_, __LINE__), declaration, __VA_ARGS__)
#define KCT_TRY_IMPL(result, declaration, ...) \
  auto result = (__VA_ARGS__);                 \
  if (!result) return result.error();          \
  declaration = std::move(result).value()

// KCT_TRY_STATUS(expression): returns the Error of a failed Status or Result.
#define KCT_TRY_STATUS(...)                                                      \
  do {                                                                           \
    if (auto kct_status = (__VA_ARGS__); !kct_status) return kct_status.error(); \
  } while (false)
