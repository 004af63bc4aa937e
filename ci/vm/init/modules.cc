// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/init/modules.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "harness/base/unique_fd.h"

namespace kct {
namespace {

std::vector<std::string> Words(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> words;
  for (std::string word; file >> word;) words.push_back(word);
  return words;
}

// The kernel takes kvm-amd and kvm_amd for the same name.
std::string Canonical(std::string_view name) {
  std::string canonical(name);
  std::replace(canonical.begin(), canonical.end(), '-', '_');
  return canonical;
}

std::string ParametersOf(const std::string& module) {
  std::string parameters;
  const std::string prefix = Canonical(module) + ".";
  for (const std::string& word : Words("/proc/cmdline")) {
    const std::size_t dot = std::min(word.find('.'), word.size());
    if (Canonical(word.substr(0, dot)) + "." != prefix) continue;
    parameters += word.substr(dot + 1) + " ";
  }
  return parameters;
}

Errno Load(const std::string& name, const std::string& parameters) {
  const std::string path = fmt::format("/modules/{}.ko", name);
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return LastErrno();
  if (syscall(SYS_finit_module, file.get(), parameters.c_str(), 0) == 0) return Errno(0);
  return LastErrno();
}

Errno Unload(const std::string& name) {
  if (syscall(SYS_delete_module, Canonical(name).c_str(), O_NONBLOCK) == 0) return Errno(0);
  return LastErrno();
}

}  // namespace

Modules::Modules() : names_(Words("/modules/order")) {}

Modules::Answer Modules::LoadFrom(std::size_t first, const std::string& parameters_of_first) const {
  for (std::size_t i = first; i < names_.size(); ++i) {
    std::string parameters = ParametersOf(names_[i]);
    if (i == first) parameters += parameters_of_first;
    const Errno error = Load(names_[i], parameters);
    if (error != Errno(0)) {
      return {error, fmt::format("module {} was refused: {}", names_[i], error.Explain())};
    }
  }
  return {};
}

Modules::Answer Modules::Reload(std::string_view command) const {
  const std::size_t space = std::min(command.find(' '), command.size());
  const std::string wanted = Canonical(command.substr(0, space));
  const auto found = std::find_if(names_.begin(), names_.end(), [&](const std::string& name) {
    return Canonical(name) == wanted;
  });
  if (found == names_.end()) return {Errno(ENOENT), fmt::format("no module {} here", wanted)};
  const auto first = static_cast<std::size_t>(found - names_.begin());
  for (std::size_t i = names_.size(); i > first; --i) {
    const Errno error = Unload(names_[i - 1]);
    if (error != Errno(0)) {
      return {error,
              fmt::format("module {} can't be unloaded: {}", names_[i - 1], error.Explain())};
    }
  }
  return LoadFrom(first, std::string(command.substr(std::min(space + 1, command.size()))));
}

std::string KernelArgument(std::string_view name) {
  const std::string prefix = std::string(name) + "=";
  for (const std::string& word : Words("/proc/cmdline")) {
    if (word.starts_with(prefix)) return word.substr(prefix.size());
  }
  return "";
}

}  // namespace kct
