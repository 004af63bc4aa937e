// SPDX-License-Identifier: GPL-2.0-only
// KernelVersion and KernelRange: which kernels a statement is about.
//
//   KernelVersion::Parse("7.3.4+deb13-cloud-amd64")   7.3.4
//   KernelVersion::Parse("7.3-rc4")                   older than 7.3, newer than 7.2.12
//
//   KernelRange::Parse("6.11..6.17")      both ends inside, at the precision given: 6.17.13 is in
//   KernelRange::Parse("6.12.100..6.12")  from 6.12.100 to the end of the 6.12 series
//   KernelRange::Parse("7.3..")           7.3 and everything newer; its release candidates too
//   KernelRange::Parse("..6.17")          everything up to the end of the 6.17 series
//   KernelRange::Parse("7.2")             the 7.2 series; "*" is every kernel
#pragma once

#include <compare>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/result.h"

namespace kct {

struct KernelVersion {
  static constexpr int kReleased = std::numeric_limits<int>::max();

  int major = 0;
  int minor = 0;
  int patch = 0;
  int candidate = kReleased;  // the N of -rcN

  constexpr auto operator<=>(const KernelVersion&) const = default;
  constexpr bool IsCandidate() const { return candidate != kReleased; }
  // "7.3.4", "7.3", "7.3-rc4"
  std::string Text() const;

  // Reads the version at the start of `text`: what uname -r says, or a Debian package version.
  static Result<KernelVersion> Parse(std::string_view text);
};

class KernelRange {
 public:
  static Result<KernelRange> Parse(std::string_view text);

  bool Contains(const KernelVersion& version) const;
  // As it was written.
  const std::string& Text() const { return text_; }

 private:
  struct Bound {
    KernelVersion version;
    int parts = 0;  // how many numbers were written: 2 for "6.17"
  };
  static Result<std::optional<Bound>> ParseBound(std::string_view text);
  static KernelVersion Truncate(const KernelVersion& version, const Bound& bound);

  std::string text_;
  std::optional<Bound> first_;
  std::optional<Bound> last_;
};

}  // namespace kct
