// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/kernel_choice.h"

#include <fmt/format.h>

#include "ci/kernel/local.h"
#include "ci/kernel/store.h"
#include "ci/vm/qemu.h"

namespace kct {
namespace {

bool IsSpec(const std::string& kernel) { return kernel.starts_with("debian:"); }

}  // namespace

std::variant<Kernel, Stop> Choose(const KernelChoice& choice) {
  if (IsSpec(choice.kernel) && !choice.modules.empty()) {
    return Stop{Exit::kUsage, "--modules goes with a kernel file, not with " + choice.kernel};
  }
  if (IsSpec(choice.kernel)) {
    if (const auto spec = KernelSpec::Parse(choice.kernel); !spec) {
      return Stop{Exit::kUsage, spec.error().message};
    }
  }
  const auto say = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  Result<Kernel> kernel = IsSpec(choice.kernel)
                              ? KernelStore(DefaultCacheDirectory()).Get(choice.kernel, say)
                              : KernelFromFiles(choice.kernel, choice.modules);
  if (!kernel) {
    return Stop{IsSpec(choice.kernel) ? Exit::kMachine : Exit::kUsage, kernel.error().message};
  }
  for (const std::string& file : choice.replacements) {
    kernel = WithModule(std::move(kernel).value(), file);
    if (!kernel) return Stop{Exit::kUsage, kernel.error().message};
  }
  return std::move(kernel).value();
}

std::string AsArguments(const KernelChoice& choice, const Kernel& kernel) {
  std::vector<std::string> arguments{"--kernel"};
  const auto absolute = [](const std::string& path) {
    return std::filesystem::absolute(path).string();
  };
  if (IsSpec(choice.kernel)) {
    arguments.push_back(kernel.spec);
  } else {
    arguments.push_back(absolute(choice.kernel));
    if (!choice.modules.empty()) {
      arguments.push_back("--modules");
      arguments.push_back(absolute(choice.modules));
    }
  }
  for (const std::string& file : choice.replacements) {
    arguments.push_back("--module");
    arguments.push_back(absolute(file));
  }
  return ShellLine(arguments);
}

}  // namespace kct
