// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/line_splitter.h"

#include <fmt/format.h>

namespace kct {

void LineSplitter::Append(std::string_view bytes) {
  const std::size_t room = kLongestLine - line_.size();
  if (bytes.size() > room) cut_ = true;
  line_.append(bytes.substr(0, room));
}

const std::string& LineSplitter::Complete() {
  if (cut_) {
    // Not in the middle of a UTF-8 character.
    while (!line_.empty() && (line_.back() & 0xc0) == 0x80) line_.pop_back();
    if (!line_.empty() && (line_.back() & 0x80)) line_.pop_back();
    line_ += "…";
  } else if (!line_.empty() && line_.back() == '\r') {
    line_.pop_back();
  }
  return line_;
}

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
      printable += fmt::format("\\x{:02x}", byte);
    } else {
      printable += c;
    }
  }
  return printable;
}

}  // namespace kct
