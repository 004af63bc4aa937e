// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/thread_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <regex>
#include <sstream>

#include "harness/abi/host.h"
#include "harness/base/unique_fd.h"
#include "harness/liveness/kernel_log.h"

namespace kct {
namespace {

// The fields of /proc/…/stat after the command name, which may itself hold spaces and brackets.
// Index 0 is the state.
std::vector<std::string> StatFields(const std::string& stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream in(stat.substr(name_end + 1));
  return {std::istream_iterator<std::string>(in), {}};
}

constexpr std::size_t kState = 0, kUserTime = 11, kSystemTime = 12;

}  // namespace

std::string ThreadProbe::Read(std::string_view file) const {
  UniqueFd fd(open(fmt::format("/proc/self/task/{}/{}", tid_, file).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  std::array<char, 8192> buffer;
  const ssize_t size = read(fd.get(), buffer.data(), buffer.size());
  return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
}

char ThreadProbe::State() const {
  if (const auto view = CurrentHost().ViewOf(tid_)) return view->runs ? 'R' : 'S';
  const std::vector<std::string> fields = StatFields(Read("stat"));
  return fields.empty() ? '?' : fields[kState][0];
}

double ThreadProbe::CpuSeconds() const {
  const std::vector<std::string> fields = StatFields(Read("stat"));
  if (fields.size() <= kSystemTime) return 0;
  const double ticks = std::stod(fields[kUserTime]) + std::stod(fields[kSystemTime]);
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

uint64_t ThreadProbe::Waits() const {
  if (const auto view = CurrentHost().ViewOf(tid_)) return view->waits;
  const std::string status = Read("status");
  constexpr std::string_view kKey = "\nvoluntary_ctxt_switches:\t";
  const std::size_t at = status.find(kKey);
  uint64_t waits = 0;
  if (at != std::string::npos) {
    std::from_chars(status.data() + at + kKey.size(), status.data() + status.size(), waits);
  }
  return waits;
}

std::vector<std::string> ThreadProbe::KernelStack() const {
  if (const auto view = CurrentHost().ViewOf(tid_)) return view->stack;
  std::vector<std::string> frames;
  std::istringstream in(Read("stack"));  // "[<0>] function+0x12/0x34" a line
  for (std::string line; std::getline(in, line);) {
    const std::size_t start = line.find("] ");
    if (start == std::string::npos) continue;
    frames.push_back(line.substr(start + 2, line.find('+') - start - 2));
  }
  return frames;
}

bool ThreadProbe::BlockedIn(std::string_view function) const {
  const char state = State();
  if (state != 'D' && state != 'S') return false;
  const std::vector<std::string> frames = KernelStack();
  return std::any_of(frames.begin(), frames.end(), [&](const std::string& frame) {
    return frame.find(function) != std::string::npos;
  });
}

namespace {

// Reads the trace of a thread out of what SysRq-l logs: a line with "PID: n Comm:" names the
// thread, the lines after it have its functions, until the next CPU's.
std::vector<std::string> TraceOf(pid_t tid, const std::vector<std::string>& lines) {
  static const std::regex pid_line("PID: ([0-9]+) Comm:");
  static const std::regex rip_line("RIP: [0-9a-f]+:([A-Za-z0-9_.]+)\\+");
  static const std::regex frame_line("^ *(\\? )?([A-Za-z0-9_.]+)\\+0x[0-9a-f]+/0x[0-9a-f]+");
  std::vector<std::string> frames;
  bool ours = false;
  for (const std::string& line : lines) {
    std::smatch match;
    if (std::regex_search(line, match, pid_line)) {
      ours = std::stol(match[1]) == tid;
    } else if (!ours) {
      continue;
    } else if (std::regex_search(line, match, rip_line) && frames.empty()) {
      frames.push_back(match[1]);
    } else if (std::regex_search(line, match, frame_line) && !match[1].matched) {
      frames.push_back(match[2]);  // "? f" is a guess of the unwinder: left out
    }
  }
  return frames;
}

// What the kernel logs for one SysRq-l: the other CPUs answer by interrupt, so the answer is
// complete when the log stops growing.
std::vector<std::string> LogOfAllCpus(KernelLog& log, int trigger, Instant deadline) {
  std::vector<std::string> lines;
  if (write(trigger, "l", 1) != 1) return lines;
  int quiet_looks = 0;
  WaitUntil(
      [&] {
        std::vector<std::string> more = log.NewLines();
        quiet_looks = more.empty() ? quiet_looks + 1 : 0;
        lines.insert(lines.end(), more.begin(), more.end());
        return !lines.empty() && quiet_looks > 300;
      },
      deadline);
  return lines;
}

}  // namespace

std::vector<std::string> StackOfRunningThread(pid_t tid, Instant deadline) {
  if (const auto view = CurrentHost().ViewOf(tid)) return view->stack;
  Result<KernelLog> log = KernelLog::FromNow();
  const UniqueFd trigger(open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC));
  if (!log || !trigger) return {};
  std::vector<std::string> frames;
  WaitUntil(
      [&] {
        frames = TraceOf(tid, LogOfAllCpus(*log, trigger.get(), deadline));
        return !frames.empty();
      },
      deadline);
  return frames;
}

}  // namespace kct
