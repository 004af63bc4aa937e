// SPDX-License-Identifier: GPL-2.0-only
// DebianApt: Debian's archive through a private apt configuration, so that nothing of the host
// changes. The addresses of the archive come from the host's apt configuration, the signatures
// are checked by apt with the keys of the package debian-archive-keyring.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ci/kernel/command.h"
#include "ci/kernel/debian_index.h"
#include "harness/base/result.h"

namespace kct {

// Told what is going on, one line at a time.
using Progress = std::function<void(std::string_view)>;

class DebianApt {
 public:
  // Keeps its state in `directory`, which is made when first needed.
  DebianApt(std::filesystem::path directory, CommandRunner run);

  // Fetches the indexes of all suites and returns the kernels in them. A suite that the archive
  // lacks, or whose signature can't be checked here, is skipped with a note.
  Result<std::vector<KernelPackage>> Update(const Progress& progress);

  // Fetches the .deb files of a kernel into a directory. REQUIRES: an Update() at some time.
  Status Download(const KernelPackage& kernel, const std::filesystem::path& into);
  // The same for packages of one version; an Error begins with `what`.
  Status Download(const std::string& what, const std::vector<std::string>& packages,
                  const std::string& version, const std::filesystem::path& into);

 private:
  struct Source {
    std::string suite;
    std::string address;
  };
  Result<std::vector<Source>> FindSources(const Progress& progress);
  Status WriteConfiguration(const std::vector<Source>& sources);
  Result<CommandOutput> Apt(std::vector<std::string> arguments,
                            const std::filesystem::path& directory = {});
  std::filesystem::path ConfigurationFile() const { return directory_ / "apt.conf"; }

  const std::filesystem::path directory_;
  const CommandRunner run_;
};

}  // namespace kct
