// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/version.h"

#include <charconv>

namespace kct {
namespace {

// Reads a number off the front of `text`.
std::optional<int> TakeNumber(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

struct Reading {
  KernelVersion version;
  int parts = 0;
  std::string_view rest;
};

std::optional<Reading> Read(std::string_view text) {
  Reading reading;
  int* const numbers[] = {&reading.version.major, &reading.version.minor, &reading.version.patch};
  for (int* number : numbers) {
    if (reading.parts > 0 && !TakePrefix(text, ".")) break;
    const auto value = TakeNumber(text);
    if (!value) return std::nullopt;
    *number = *value;
    ++reading.parts;
  }
  // Debian writes ~rc4, so that dpkg sorts it before the release.
  if (TakePrefix(text, "-rc") || TakePrefix(text, "~rc")) {
    const auto value = TakeNumber(text);
    if (!value) return std::nullopt;
    reading.version.candidate = *value;
  }
  reading.rest = text;
  return reading;
}

}  // namespace

std::string KernelVersion::Text() const {
  std::string text = fmt::format("{}.{}", major, minor);
  if (patch != 0) text += fmt::format(".{}", patch);
  if (IsCandidate()) text += fmt::format("-rc{}", candidate);
  return text;
}

Result<KernelVersion> KernelVersion::Parse(std::string_view text) {
  const auto reading = Read(text);
  const bool ends =
      reading && (reading->rest.empty() ||
                  std::string_view("+-~_ .").find(reading->rest.front()) != std::string_view::npos);
  if (!reading || reading->parts < 2 || !ends) {
    return MakeError("'{}' is not a kernel version; expected one such as 6.12, 7.3.4 or 7.3-rc4",
                     text);
  }
  return reading->version;
}

Result<std::optional<KernelRange::Bound>> KernelRange::ParseBound(std::string_view text) {
  if (text.empty()) return std::optional<Bound>();
  const auto reading = Read(text);
  if (!reading || !reading->rest.empty()) {
    return MakeError("'{}' is not a kernel version; expected one such as 6.12, 7.3.4 or 7.3-rc4",
                     text);
  }
  return std::optional<Bound>(Bound{reading->version, reading->parts});
}

// What is left of `version` at the precision of the bound.
KernelVersion KernelRange::Truncate(const KernelVersion& version, const Bound& bound) {
  KernelVersion result = version;
  if (bound.version.IsCandidate()) return result;
  result.candidate = KernelVersion::kReleased;
  if (bound.parts < 3) result.patch = 0;
  if (bound.parts < 2) result.minor = 0;
  return result;
}

Result<KernelRange> KernelRange::Parse(std::string_view text) {
  KernelRange range;
  range.text_ = text;
  if (text == "*") return range;
  const size_t dots = text.find("..");
  if (text.empty() || text == "..") {
    return MakeError("'{}' is not a range of kernels; expected A..B, A.., ..B, A or *", text);
  }
  KCT_TRY(range.first_, ParseBound(text.substr(0, dots)));
  if (dots == std::string_view::npos) {
    range.last_ = range.first_;
    return range;
  }
  KCT_TRY(range.last_, ParseBound(text.substr(dots + 2)));
  if (range.first_ && range.last_ &&
      Truncate(range.first_->version, *range.last_) > range.last_->version) {
    return MakeError("the range '{}' is empty: its first kernel is newer than its last", text);
  }
  return range;
}

bool KernelRange::Contains(const KernelVersion& version) const {
  if (first_ && Truncate(version, *first_) < first_->version) return false;
  if (last_ && Truncate(version, *last_) > last_->version) return false;
  return true;
}

}  // namespace kct
