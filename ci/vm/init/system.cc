// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/init/system.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

#include "harness/base/errno.h"

namespace kct {
namespace {

struct Mount {
  const char* type;
  const char* where;
};
constexpr Mount kMounts[] = {
    {"proc", "/proc"},
    {"sysfs", "/sys"},
    {"devtmpfs", "/dev"},
    {"devpts", "/dev/pts"},
    {"tmpfs", "/dev/shm"},
    {"tmpfs", "/tmp"},
    {"debugfs", "/sys/kernel/debug"},
    {"tracefs", "/sys/kernel/tracing"},
    {"cgroup2", "/sys/fs/cgroup"},
    {"hugetlbfs", "/dev/hugepages"},
};

void WriteKnob(const char* path, std::string_view value) {
  const UniqueFd knob(open(path, O_WRONLY | O_CLOEXEC));
  if (knob && write(knob.get(), value.data(), value.size()) < 0) {
    fmt::print(stderr, "kct: {}: {}\n", path, LastErrno().Explain());
  }
}

// The request of KVM_CREATE_VM. PID 1 needs no more of KVM's interface than this number.
constexpr unsigned long kCreateVm = 0xae01;

}  // namespace

void MountAll() {
  for (const Mount& entry : kMounts) {
    mkdir(entry.where, 0755);  // fails where it exists, and in sysfs, which brings its own
    if (mount(entry.type, entry.where, entry.type, 0, nullptr) != 0) {
      fmt::print(stderr, "kct: no {} on {}: {}\n", entry.type, entry.where, LastErrno().Explain());
    }
  }
}

void MakeTheKernelTalk() {
  WriteKnob("/proc/sys/kernel/printk", "7");
  WriteKnob("/proc/sys/kernel/hung_task_timeout_secs", "30");
}

void KeepMemoryFromScans() {
  syscall(SYS_set_mempolicy, MPOL_LOCAL, nullptr, 0);  // fails where there are no nodes
  WriteKnob("/sys/kernel/debug/sched/numa_balancing/scan_delay_ms", "100");
}

Result<UniqueFd> HoldVm() {
  const UniqueFd kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm) return MakeError("no /dev/kvm: {}", LastErrno().Explain());
  UniqueFd vm(static_cast<int>(syscall(SYS_ioctl, kvm.get(), kCreateVm, 0)));
  if (!vm) return MakeError("/dev/kvm makes no VM: {}", LastErrno().Explain());
  return vm;
}

Status StartOtherCpus() {
  for (int cpu = 1;; ++cpu) {
    const std::string path = fmt::format("/sys/devices/system/cpu/cpu{}/online", cpu);
    const UniqueFd online(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!online) return {};
    if (write(online.get(), "1", 1) < 0) return MakeError("{}: {}", path, LastErrno().Explain());
  }
}

Result<UniqueFd> OpenKernelLog() {
  UniqueFd log(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!log || lseek(log.get(), 0, SEEK_END) < 0) {
    return MakeError("/dev/kmsg: {}", LastErrno().Explain());
  }
  return log;
}

}  // namespace kct
