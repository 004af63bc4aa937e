// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/local.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "ci/kernel/image.h"
#include "ci/kernel/load_order.h"
#include "ci/kernel/module.h"

namespace kct {
namespace {

namespace fs = std::filesystem;

bool IsFile(const fs::path& path) {
  std::error_code code;
  return fs::is_regular_file(path, code);
}

bool IsDirectory(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

fs::path FirstFile(const std::vector<fs::path>& candidates) {
  const auto found = std::find_if(candidates.begin(), candidates.end(), IsFile);
  return found == candidates.end() ? fs::path() : *found;
}

// Where the modules of `release` are, given the directory that the user named.
fs::path ModulesFor(const std::string& release, const fs::path& directory) {
  for (const char* below : {"", "lib/modules", "usr/lib/modules"}) {
    if (IsDirectory(directory / below / release)) return directory / below / release;
  }
  return directory;
}

// Packages put these files beside the image or the modules; a build tree has them at its root,
// three folders above arch/x86/boot/bzImage.
void FindConfigAndMap(Kernel& kernel) {
  const fs::path boot = kernel.image.parent_path();
  const std::string& release = kernel.release;
  kernel.config =
      FirstFile({kernel.modules / "config", boot / ("config-" + release), boot / "config",
                 kernel.modules / ".config", boot / "../../../.config"});
  kernel.system_map = FirstFile({kernel.modules / "System.map", boot / ("System.map-" + release),
                                 boot / "System.map", boot / "../../../System.map"});
}

// An Error if the configuration is known and leaves `option` out.
Status CheckConfigured(const Kernel& kernel, std::string_view option) {
  std::ifstream config(kernel.config);
  if (!config) return {};
  const std::string prefix = fmt::format("{}=", option);
  for (std::string line; std::getline(config, line);) {
    if (line.starts_with(prefix)) return {};
  }
  return MakeError("kernel {}: built without KVM for AMD: {} is not set in {}",
                   kernel.image.string(), option, kernel.config.string());
}

}  // namespace

Status CheckHasKvm(const Kernel& kernel) {
  for (const std::string_view option : {"CONFIG_KVM", "CONFIG_KVM_AMD"}) {
    KCT_TRY_STATUS(CheckConfigured(kernel, option));
  }
  const auto files = ModuleFiles(kernel);
  const auto built_in = BuiltInModules(kernel);
  for (const std::string name : {"kvm", "kvm-amd"}) {
    if (built_in.contains(name)) continue;
    const auto file = files.find(name);
    if (file == files.end()) {
      return MakeError("kernel {}: no {}.ko for {} in {}; expected the modules of that release",
                       kernel.image.string(), name, kernel.release,
                       kernel.modules.empty() ? "any directory" : kernel.modules.string());
    }
    KCT_TRY(const Module module, ReadModule(file->second));
    if (module.release != kernel.release) {
      return MakeError("kernel {}: is {}, but {} is built for {}", kernel.image.string(),
                       kernel.release, file->second.string(), module.release);
    }
  }
  return {};
}

Result<Kernel> KernelFromFiles(const fs::path& image, const fs::path& modules) {
  KCT_TRY(const ImageBanner banner, ReadImageBanner(image));
  if (!modules.empty() && !IsDirectory(modules)) {
    return MakeError("modules {}: no such directory", modules.string());
  }
  Kernel kernel;
  kernel.release = banner.release;
  kernel.image = fs::absolute(image);
  kernel.spec = kernel.image.string();
  if (!modules.empty()) kernel.modules = fs::absolute(ModulesFor(banner.release, modules));
  FindConfigAndMap(kernel);
  KCT_TRY_STATUS(CheckHasKvm(kernel));
  return kernel;
}

Result<Kernel> WithModule(Kernel kernel, const fs::path& file) {
  KCT_TRY(const Module module, ReadModule(file));
  if (module.release != kernel.release) {
    return MakeError("module {}: built for {}, but the kernel is {}", file.string(), module.release,
                     kernel.release);
  }
  kernel.module_overrides[module.name] = fs::absolute(file);
  return kernel;
}

}  // namespace kct
