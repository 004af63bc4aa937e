// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "harness/base/errno.h"

namespace kct {
namespace {

// How the kernel begins its reports (lib/bug.c, mm/kasan, kernel/locking/lockdep.c,
// kernel/hung_task.c, kernel/watchdog.c, kernel/rcu/tree_stall.h).
constexpr std::array<std::string_view, 17> kComplaintMarks{
    "WARNING: ",
    "BUG: ",
    "BUG at ",
    "Oops: ",
    "Oops[",
    "general protection fault",
    "Unable to handle kernel",
    "KASAN: ",
    "UBSAN: ",
    "possible circular locking dependency",
    "possible recursive locking detected",
    "inconsistent lock state",
    "suspicious RCU usage",
    "blocked for more than",
    "soft lockup",
    "detected stalls on CPUs",
    "self-detected stall on CPU",
};

}  // namespace

Result<KernelLog> KernelLog::FromNow() {
  UniqueFd fd(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return MakeError("/dev/kmsg: {}", LastErrno().Explain());
  if (lseek(fd.get(), 0, SEEK_END) < 0) return MakeError("/dev/kmsg: {}", LastErrno().Explain());
  return KernelLog(std::move(fd));
}

std::vector<std::string> KernelLog::NewLines() {
  std::vector<std::string> lines;
  std::array<char, 8192> record;
  while (true) {
    const ssize_t size = read(fd_.get(), record.data(), record.size());
    if (size < 0) {
      const Errno error = LastErrno();
      if (error == Errno(EINTR)) continue;
      if (error != Errno(EPIPE)) return lines;  // EAGAIN: no more
      lines.push_back("(the kernel dropped lines here)");
      continue;
    }
    std::string_view text(record.data(), static_cast<std::size_t>(size));
    const std::size_t message = text.find(';');
    if (message == std::string_view::npos) continue;
    text.remove_prefix(message + 1);
    lines.emplace_back(text.substr(0, text.find('\n')));
  }
}

bool IsComplaint(std::string_view line) {
  return std::any_of(kComplaintMarks.begin(), kComplaintMarks.end(),
                     [&](std::string_view mark) { return line.find(mark) != line.npos; });
}

std::vector<std::string> Complaints(const std::vector<std::string>& lines, std::size_t most_lines) {
  const auto first = std::find_if(lines.begin(), lines.end(), IsComplaint);
  const std::size_t left = static_cast<std::size_t>(lines.end() - first);
  return {first, first + static_cast<std::ptrdiff_t>(std::min(left, most_lines))};
}

}  // namespace kct
