// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/init/kernel_log.h"

#include <unistd.h>

#include <charconv>

#include "harness/base/errno.h"

namespace kct {

std::optional<std::string> KernelLogLine(std::string_view record) {
  unsigned numbers_seen = 0;
  uint64_t numbers[3] = {};  // facility and level, sequence number, microseconds
  const std::size_t semicolon = record.find(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  const char* at = record.data();
  const char* const end = record.data() + semicolon;
  while (numbers_seen < 3) {
    const auto [next, code] = std::from_chars(at, end, numbers[numbers_seen++]);
    if (code != std::errc() || (next != end && *next != ',')) return std::nullopt;
    at = next == end ? end : next + 1;
  }
  std::string_view text = record.substr(semicolon + 1);
  text = text.substr(0, text.find('\n'));
  return fmt::format("{} {} {}", numbers[2], numbers[0] & 7, text);
}

void ForwardKernelLog(const Port& port, int log) {
  char record[8192];
  for (;;) {
    const ssize_t count = read(log, record, sizeof record);
    if (count > 0) {
      const auto line = KernelLogLine({record, static_cast<std::size_t>(count)});
      if (line) port.Say("K {}", *line);
    } else if (count == 0 || LastErrno() != Errno(EPIPE)) {
      return;  // EPIPE: records were overwritten before we read them; the next read goes on.
    }
  }
}

}  // namespace kct
