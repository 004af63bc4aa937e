// SPDX-License-Identifier: GPL-2.0-only
// LineSplitter: a stream of bytes cut into lines, whatever the bytes are.
//
//   LineSplitter lines;
//   lines.Feed(chunk, [](std::string_view line) { … });   // per complete line, without its newline
//   lines.Finish(…);                                      // at the end: what had no newline
//
// A line longer than kLongestLine is cut there and ends in "…". Carriage returns before a newline
// are dropped, because a serial console adds them.
#pragma once

#include <string>
#include <string_view>

namespace kct {

inline constexpr std::size_t kLongestLine = 64 * 1024 - 64;

class LineSplitter {
 public:
  template <typename Receive>
  void Feed(std::string_view bytes, Receive&& receive) {
    while (!bytes.empty()) {
      const std::size_t newline = bytes.find('\n');
      Append(bytes.substr(0, newline));
      if (newline == std::string_view::npos) return;
      bytes.remove_prefix(newline + 1);
      receive(std::string_view(Complete()));
      line_.clear();
      cut_ = false;
    }
  }

  template <typename Receive>
  void Finish(Receive&& receive) {
    if (!line_.empty()) Feed("\n", receive);
  }

 private:
  void Append(std::string_view bytes);
  const std::string& Complete();

  std::string line_;
  bool cut_ = false;
};

// The text with control characters written as \xNN, so that it is one line and can't steer a
// terminal. Tabs and bytes above 0x7f stay.
std::string Printable(std::string_view text);

}  // namespace kct
