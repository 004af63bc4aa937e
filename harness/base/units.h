// SPDX-License-Identifier: GPL-2.0-only
// Addresses and sizes as distinct types, so that a guest physical address can't be passed where a
// host address or a size is meant.
//
//   Gpa gpa = 4_GiB_gpa + Pages(3);   Bytes size = 2_MiB;   GpaRange{gpa, size}.end()
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>

namespace kct {

// A size in bytes.
struct Bytes {
  uint64_t count = 0;
  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes operator+(Bytes other) const { return {count + other.count}; }
  constexpr Bytes operator-(Bytes other) const { return {count - other.count}; }
  constexpr Bytes operator*(uint64_t factor) const { return {count * factor}; }
  constexpr uint64_t operator/(Bytes other) const { return count / other.count; }
};

inline constexpr Bytes kPage{4096};
inline constexpr Bytes kHugePage{2u << 20};
constexpr Bytes Pages(uint64_t count) { return {count * kPage.count}; }

constexpr Bytes operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr Bytes operator""_MiB(unsigned long long n) { return {n << 20}; }
constexpr Bytes operator""_GiB(unsigned long long n) { return {n << 30}; }

// An address in the space that Tag names. Sums wrap, as the hardware's do.
template <typename Tag>
struct Address {
  uint64_t value = 0;
  constexpr auto operator<=>(const Address&) const = default;
  constexpr Address operator+(Bytes size) const { return {value + size.count}; }
  constexpr Address operator-(Bytes size) const { return {value - size.count}; }
  constexpr Bytes operator-(Address other) const { return {value - other.value}; }
};
using Gpa = Address<struct GpaTag>;  // guest physical
using Hva = Address<struct HvaTag>;  // host virtual, in the process that owns the VM

constexpr Gpa operator""_GiB_gpa(unsigned long long n) { return {n << 30}; }
inline Hva HvaOf(const void* pointer) { return {reinterpret_cast<uint64_t>(pointer)}; }
inline void* Pointer(Hva hva) { return reinterpret_cast<void*>(hva.value); }

struct GpaRange {
  Gpa start;
  Bytes size;
  constexpr bool operator==(const GpaRange&) const = default;
  constexpr Gpa end() const { return start + size; }
};

static_assert(2_MiB == kHugePage && kHugePage / kPage == 512);
static_assert(4_GiB_gpa + Pages(1) - 4_GiB_gpa == kPage);

}  // namespace kct

template <>
struct fmt::formatter<kct::Bytes> : fmt::formatter<uint64_t> {
  auto format(kct::Bytes bytes, format_context& context) const {
    return fmt::format_to(context.out(), "{:#x}", bytes.count);
  }
};
template <typename Tag>
struct fmt::formatter<kct::Address<Tag>> : fmt::formatter<uint64_t> {
  auto format(kct::Address<Tag> address, format_context& context) const {
    return fmt::format_to(context.out(), "{:#x}", address.value);
  }
};
