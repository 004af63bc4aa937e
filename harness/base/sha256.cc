// SPDX-License-Identifier: GPL-2.0-only
#include "harness/base/sha256.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace kct {
namespace {

constexpr size_t kBlockSize = 64;

// The standard defines its constants as the first 32 bits of the fractional parts of square and
// cube roots of the first primes; long double has bits enough to compute them.
uint32_t FractionBits(long double value) {
  return static_cast<uint32_t>((value - std::floor(value)) * 4294967296.0L);
}

struct Constants {
  std::array<uint32_t, 8> start;
  std::array<uint32_t, 64> rounds;
};

Constants MakeConstants() {
  Constants constants{};
  size_t count = 0;
  for (unsigned candidate = 2; count < constants.rounds.size(); ++candidate) {
    bool prime = true;
    for (unsigned divisor = 2; divisor * divisor <= candidate; ++divisor) {
      prime = prime && candidate % divisor != 0;
    }
    if (!prime) continue;
    const auto number = static_cast<long double>(candidate);
    if (count < constants.start.size()) constants.start[count] = FractionBits(std::sqrt(number));
    constants.rounds[count++] = FractionBits(std::cbrt(number));
  }
  return constants;
}

uint32_t BigEndian(std::string_view text, size_t at) {
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i) word = word << 8 | static_cast<unsigned char>(text[at + i]);
  return word;
}

void AddBlock(std::array<uint32_t, 8>& state, std::string_view block, const Constants& constants) {
  std::array<uint32_t, 64> words{};
  for (size_t i = 0; i < 16; ++i) words[i] = BigEndian(block, i * 4);
  for (size_t i = 16; i < words.size(); ++i) {
    const uint32_t a = words[i - 15];
    const uint32_t b = words[i - 2];
    words[i] = words[i - 16] + words[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
               (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (size_t i = 0; i < words.size(); ++i) {
    const uint32_t one = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                         ((e & f) ^ (~e & g)) + constants.rounds[i] + words[i];
    const uint32_t two =
        (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
  }
  const std::array<uint32_t, 8> added{a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < state.size(); ++i) state[i] += added[i];
}

}  // namespace

std::string Sha256(std::string_view text) {
  static const Constants constants = MakeConstants();
  std::string padded(text);
  padded += '\x80';
  while (padded.size() % kBlockSize != kBlockSize - 8) padded += '\0';
  const uint64_t bits = uint64_t{text.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) padded += static_cast<char>(bits >> shift & 0xff);

  std::array<uint32_t, 8> state = constants.start;
  for (size_t at = 0; at < padded.size(); at += kBlockSize) {
    AddBlock(state, std::string_view(padded).substr(at, kBlockSize), constants);
  }
  std::string hex;
  for (uint32_t word : state) hex += fmt::format("{:08x}", word);
  return hex;
}

}  // namespace kct
