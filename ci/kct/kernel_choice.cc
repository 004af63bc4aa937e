// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/kernel_choice.h"

#include <fmt/format.h>

#include "ci/kernel/built_store.h"
#include "ci/kernel/cache.h"
#include "ci/kernel/local.h"
#include "ci/kernel/store.h"
#include "ci/vm/qemu.h"

namespace kct {

bool IsDebian(const std::string& kernel) { return kernel.starts_with("debian:"); }

namespace {

bool IsBuilt(const std::string& kernel) { return kernel.starts_with("built:"); }
bool IsSpec(const std::string& kernel) { return IsDebian(kernel) || IsBuilt(kernel); }

Status CheckSpec(const std::string& kernel) {
  if (IsDebian(kernel)) KCT_TRY_STATUS(KernelSpec::Parse(kernel));
  if (IsBuilt(kernel)) KCT_TRY_STATUS(BuiltSpec::Parse(kernel));
  return {};
}

Result<Kernel> Get(const KernelChoice& choice) {
  const auto say = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  if (IsDebian(choice.kernel)) return KernelStore(DefaultCacheDirectory()).Get(choice.kernel, say);
  if (IsBuilt(choice.kernel)) return BuiltStore(DefaultCacheDirectory()).Get(choice.kernel);
  return KernelFromFiles(choice.kernel, choice.modules);
}

}  // namespace

std::variant<Kernel, Stop> Choose(const KernelChoice& choice) {
  if (IsSpec(choice.kernel) && !choice.modules.empty()) {
    return Stop{Exit::kUsage, "--modules goes with a kernel file, not with " + choice.kernel};
  }
  if (const Status spec = CheckSpec(choice.kernel); !spec) {
    return Stop{Exit::kUsage, spec.error().message};
  }
  Result<Kernel> kernel = Get(choice);
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
