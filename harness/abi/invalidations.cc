// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/invalidations.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "harness/base/errno.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

constexpr const char* kTracepoint = "/sys/kernel/tracing/events/kvm/kvm_unmap_hva_range/id";

// A counter a CPU.
class TracepointCounters final : public Invalidations {
 public:
  explicit TracepointCounters(std::vector<UniqueFd> cpus) : cpus_(std::move(cpus)) {}

  Result<uint64_t> Count() const override {
    uint64_t sum = 0;
    for (const UniqueFd& cpu : cpus_) {
      uint64_t count = 0;
      if (read(cpu.get(), &count, sizeof count) != sizeof count) {
        return MakeError("the counter of {}: {}", kTracepoint, LastErrno().Explain());
      }
      sum += count;
    }
    return sum;
  }

 private:
  std::vector<UniqueFd> cpus_;
};

}  // namespace

Result<std::unique_ptr<Invalidations>> CountWithTracepoint(Hva start, Bytes size) {
  std::ifstream file(kTracepoint);
  uint64_t id = 0;
  if (!(file >> id)) return MakeError("{}: can't be read", kTracepoint);
  perf_event_attr attr = {};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  attr.config = id;
  const std::string overlap =
      fmt::format("start < {:#x} && end > {:#x}", (start + size).value, start.value);
  std::vector<UniqueFd> cpus;
  for (int cpu = 0; cpu < get_nprocs(); ++cpu) {
    UniqueFd fd(
        static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
    if (!fd) return MakeError("perf_event_open of {}: {}", kTracepoint, LastErrno().Explain());
    if (ioctl(fd.get(), PERF_EVENT_IOC_SET_FILTER, overlap.c_str()) != 0) {
      return MakeError("the filter '{}' of {}: {}", overlap, kTracepoint, LastErrno().Explain());
    }
    cpus.push_back(std::move(fd));
  }
  return std::unique_ptr<Invalidations>(std::make_unique<TracepointCounters>(std::move(cpus)));
}

}  // namespace kct
