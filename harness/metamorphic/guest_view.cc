// SPDX-License-Identifier: GPL-2.0-only
#include "harness/metamorphic/guest_view.h"

#include <algorithm>

namespace kct {
namespace {

constexpr std::size_t kLinesBefore = 6;

std::string TextOf(const ViewLine& line) { return fmt::format("{} -> {}", line.what, line.saw); }

// The line at `index`, or that there is none any more.
std::string LineAt(const std::vector<ViewLine>& lines, std::size_t index) {
  return index < lines.size() ? TextOf(lines[index]) : "(nothing more)";
}

std::optional<std::string> DifferenceOfLines(std::size_t episode,
                                             const std::vector<ViewLine>& expected,
                                             const std::vector<ViewLine>& actual,
                                             const Compared& one, const Compared& other) {
  const std::size_t most = std::max(expected.size(), actual.size());
  for (std::size_t i = 0; i < most; ++i) {
    const std::string left = LineAt(expected, i), right = LineAt(actual, i);
    if (left == right) continue;
    std::string text = fmt::format("episode {}\n", episode);
    for (std::size_t j = i - std::min(i, kLinesBefore); j < i; ++j) {
      text += fmt::format("  both: {}\n", TextOf(expected[j]));
    }
    return text + fmt::format("  {}: {}\n  {}: {}\n", one.name, left, other.name, right);
  }
  return std::nullopt;
}

const PageWords& PageOf(const GuestView& view, uint64_t page) {
  static constexpr PageWords kZero{};
  const auto found = view.memory.find(page);
  return found == view.memory.end() ? kZero : found->second;
}

std::optional<std::string> DifferenceOfMemory(const Compared& one, const Compared& other) {
  std::map<uint64_t, PageWords> pages = one.view.memory;
  pages.insert(other.view.memory.begin(), other.view.memory.end());
  for (const auto& [page, unused] : pages) {
    const PageWords &left = PageOf(one.view, page), &right = PageOf(other.view, page);
    const auto at = std::mismatch(left.begin(), left.end(), right.begin());
    if (at.first == left.end()) continue;
    return fmt::format("memory at the end, page {}, offset {:#x}\n  {}: {:#x}\n  {}: {:#x}\n", page,
                       8 * (at.first - left.begin()), one.name, *at.first, other.name, *at.second);
  }
  return std::nullopt;
}

}  // namespace

std::string Seen(const guest::Op& op, const guest::OpResult& result) {
  guest::OpResult seen = result;
  if (op.code == guest::OpCode::kSpinUntil) seen.count = 0;
  return ToString(seen);
}

std::string Seen(const GuestExit& guest_exit) {
  std::string text = guest_exit.ToString();
  for (const std::byte byte : guest_exit.io.data) {
    text += fmt::format(" {:02x}", static_cast<unsigned>(byte));
  }
  return text;
}

std::vector<ViewLine> LinesOf(int cpu, const std::vector<GuestExit>& exits, const Program& program,
                              const std::vector<guest::OpResult>& results) {
  std::vector<ViewLine> lines;
  for (std::size_t i = 0; i < exits.size(); ++i) {
    lines.push_back({fmt::format("vCPU {}, exit {}", cpu, i), Seen(exits[i])});
  }
  for (std::size_t i = 0; i < program.ops().size(); ++i) {
    const guest::Op& op = program.ops()[i];
    lines.push_back(
        {fmt::format("vCPU {}, op {}: {}", cpu, i, ToString(op)), Seen(op, results.at(i))});
  }
  return lines;
}

std::optional<std::string> FirstDifference(const Compared& expected, const Compared& actual) {
  static const std::vector<ViewLine> kNone;
  const auto episode_of = [](const Compared& side, std::size_t i) -> const auto& {
    return i < side.view.episodes.size() ? side.view.episodes[i] : kNone;
  };
  const std::size_t episodes = std::max(expected.view.episodes.size(), actual.view.episodes.size());
  for (std::size_t i = 0; i < episodes; ++i) {
    std::optional<std::string> difference =
        DifferenceOfLines(i, episode_of(expected, i), episode_of(actual, i), expected, actual);
    if (difference) return difference;
  }
  return DifferenceOfMemory(expected, actual);
}

std::string TextOf(const std::vector<ViewLine>& lines) {
  std::string text;
  for (const ViewLine& line : lines) text += TextOf(line) + "\n";
  return text;
}

std::string TextOf(const std::map<uint64_t, PageWords>& memory) {
  std::string text;
  for (const auto& [page, words] : memory) {
    uint64_t sum = 0;
    for (const uint64_t word : words) sum = guest::ChecksumStep(sum, word);
    text += fmt::format("page {} -> checksum {:#x}\n", page, sum);
  }
  return text;
}

}  // namespace kct
