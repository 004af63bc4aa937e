// SPDX-License-Identifier: GPL-2.0-only
// CONFIG_FAILSLAB, by its files in debugfs.
#include "harness/abi/scarce_objects.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "harness/base/errno.h"

namespace kct {
namespace {

constexpr const char* kKnobs = "/sys/kernel/debug/failslab";

// Opened before anything fails: what turns it off must not need an object.
UniqueFd& Switch() {
  static UniqueFd of_this_thread;
  return of_this_thread;
}

Status WriteTo(int fd, const std::string& name, std::string_view value) {
  if (fd >= 0 && write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size())) {
    return {};
  }
  return MakeError("{}: writing '{}': {}", name, value, LastErrno().Explain());
}

Status WriteKnob(const char* knob, std::string_view value) {
  const std::string path = fmt::format("{}/{}", kKnobs, knob);
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return WriteTo(fd.get(), path, value);
}

}  // namespace

bool Host::LimitsObjects() { return geteuid() == 0 && access(kKnobs, F_OK) == 0; }

Status Host::LimitObjects(std::optional<Bytes> most) {
  constexpr const char* kSwitch = "/proc/thread-self/make-it-fail";
  if (!most) {
    const Status off = WriteTo(Switch().get(), kSwitch, "0");
    Switch().Reset();
    return off;
  }
  KCT_TRY_STATUS(WriteKnob("task-filter", "Y"));      // threads that say so, and no others
  KCT_TRY_STATUS(WriteKnob("ignore-gfp-wait", "N"));  // also where the kernel could wait
  KCT_TRY_STATUS(WriteKnob("times", "-1"));
  KCT_TRY_STATUS(WriteKnob("verbose", "0"));
  KCT_TRY_STATUS(WriteKnob("probability", "100"));
  // The kernel lets an object through that is smaller than what is left.
  KCT_TRY_STATUS(WriteKnob("space", fmt::format("{}", most->count + 1)));
  Switch() = UniqueFd(open(kSwitch, O_WRONLY | O_CLOEXEC));
  return WriteTo(Switch().get(), kSwitch, "1");
}

}  // namespace kct
