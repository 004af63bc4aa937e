// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/seeds.h"

#include <sys/random.h>

#include <charconv>

#include "harness/base/random.h"

namespace kct {

uint64_t FreshSeed() {
  // Half as long as it could be: a person types it again.
  uint32_t seed = 0;
  KCT_CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

Result<uint64_t> ParseSeed(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  const std::string_view digits = hexadecimal ? text.substr(2) : text;
  uint64_t seed = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, code] = std::from_chars(digits.data(), end, seed, hexadecimal ? 16 : 10);
  if (code != std::errc() || stop != end) {
    return MakeError("--seed: '{}' is no number of 64 bits (123 or 0x7b)", text);
  }
  return seed;
}

uint64_t SeedOfRepeat(uint64_t seed, unsigned repeat) {
  return repeat == 0 ? seed : Random(seed).Fork(repeat).Next();
}

uint64_t SeedOfTest(uint64_t run_seed, std::string_view test_name) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, so that the order of the tests doesn't matter
  for (const char c : test_name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return Random(run_seed).Fork(hash).Next();
}

}  // namespace kct
