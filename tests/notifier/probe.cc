// SPDX-License-Identifier: GPL-2.0-only
#include "tests/notifier/probe.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>

namespace kct {

UniqueFd SetProbe(int file, Bytes offset) {
  std::ifstream type("/sys/bus/event_source/devices/uprobe/type");
  const std::string path = fmt::format("/proc/self/fd/{}", file);
  perf_event_attr attr = {};
  if (!(type >> attr.type)) return UniqueFd();
  attr.size = sizeof attr;
  attr.uprobe_path = reinterpret_cast<uint64_t>(path.c_str());
  attr.probe_offset = offset.count;
  // Of a CPU, not of a process: that it is in our mappings, too, needs no event of ours.
  return UniqueFd(
      static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace kct
