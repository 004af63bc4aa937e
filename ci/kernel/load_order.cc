// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/load_order.h"

#include <fstream>

#include "ci/kernel/module.h"

namespace kct {
namespace {

namespace fs = std::filesystem;

class LoadOrder {
 public:
  explicit LoadOrder(const Kernel& kernel)
      : kernel_(kernel), files_(ModuleFiles(kernel)), built_in_(BuiltInModules(kernel)) {}

  // `needed_by` is empty for a module that the caller wants.
  Status Add(const std::string& name, const std::string& needed_by) {
    // An override counts even where the kernel has the module built in: loading it then fails
    // aloud, which beats testing another module than the one named.
    const bool overridden = kernel_.module_overrides.contains(name);
    if (built_in_.contains(name) && !overridden) return {};
    if (!seen_.insert(name).second) return {};
    const auto file = files_.find(name);
    if (file == files_.end()) {
      return MakeError("module {}{} is neither in {} nor built into the kernel {}", name,
                       needed_by.empty() ? "" : ", needed by " + needed_by + ",",
                       kernel_.modules.string(), kernel_.release);
    }
    KCT_TRY(Module module, ReadModule(file->second));
    if (module.release != kernel_.release) {
      return MakeError("module {}: built for {}, but the kernel is {}", file->second.string(),
                       module.release, kernel_.release);
    }
    for (const std::string& dependency : module.depends) {
      KCT_TRY_STATUS(Add(dependency, name));
    }
    modules_.push_back({name, std::move(module.bytes)});
    return {};
  }

  std::vector<LoadedModule> Take() { return std::move(modules_); }

 private:
  const Kernel& kernel_;
  const std::map<std::string, fs::path> files_;
  const std::set<std::string> built_in_;
  std::set<std::string> seen_;
  std::vector<LoadedModule> modules_;
};

}  // namespace

std::map<std::string, fs::path> ModuleFiles(const Kernel& kernel) {
  std::map<std::string, fs::path> files;
  std::error_code code;
  for (auto it = fs::recursive_directory_iterator(
           kernel.modules, fs::directory_options::skip_permission_denied, code);
       !code && it != fs::recursive_directory_iterator(); it.increment(code)) {
    const auto name = ModuleNameOf(it->path());
    if (!name) continue;
    // With two files of one name the choice must not depend on the order of the directory.
    const auto [known, added] = files.emplace(*name, it->path());
    if (!added && it->path() < known->second) known->second = it->path();
  }
  for (const auto& [name, file] : kernel.module_overrides) {
    files[CanonicalModuleName(name)] = file;
  }
  return files;
}

std::set<std::string> BuiltInModules(const Kernel& kernel) {
  std::set<std::string> names;
  std::ifstream list(kernel.modules / "modules.builtin");
  for (std::string line; std::getline(list, line);) {
    if (const auto name = ModuleNameOf(line)) names.insert(*name);
  }
  std::ifstream config(kernel.config);
  for (std::string line; std::getline(config, line);) {
    if (line == "CONFIG_KVM=y") names.insert("kvm");
    if (line == "CONFIG_KVM_AMD=y") names.insert("kvm-amd");
  }
  return names;
}

Result<std::vector<LoadedModule>> ModulesInLoadOrder(const Kernel& kernel,
                                                     const std::vector<std::string>& wanted) {
  LoadOrder order(kernel);
  for (const std::string& name : wanted) {
    KCT_TRY_STATUS(order.Add(CanonicalModuleName(name), ""));
  }
  return order.Take();
}

}  // namespace kct
