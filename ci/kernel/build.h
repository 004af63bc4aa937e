// SPDX-License-Identifier: GPL-2.0-only
// KernelBuilder: from sources and a configuration to a kernel in the store.
//
//   KernelBuilder builder(DefaultCacheDirectory());
//   KCT_TRY(Kernel kernel, builder.Build({source, config, 2}, say));
//
// Objects are kept in CACHE/build/CONFIG_HASH, a folder for each configuration and place of
// sources: a build that was cut short goes on where it was, and after an edit only what depends on
// it is compiled.
#pragma once

#include <filesystem>
#include <string_view>

#include "ci/kernel/build_config.h"
#include "ci/kernel/built_store.h"
#include "ci/kernel/command.h"
#include "ci/kernel/debian_apt.h"
#include "ci/kernel/source_tree.h"
#include "harness/base/result.h"

namespace kct {

struct BuildRequest {
  SourceTree source;
  BuildConfig config;
  unsigned jobs = 1;
};

class KernelBuilder {
 public:
  explicit KernelBuilder(std::filesystem::path cache, CommandRunner run = RunCommand);

  // The kernel, from the store if it is there. An Error says in one line what is missing or failed,
  // and where the output of make is.
  Result<Kernel> Build(const BuildRequest& request, const Progress& progress);

 private:
  struct Job {
    const BuildRequest& request;
    std::filesystem::path folder;  // of the objects
    BuiltKernel result;
  };
  Result<std::string> CheckTools();
  Status Configure(const Job& job);
  Status Compile(Job& job, const Progress& progress);
  Result<Kernel> Collect(const Job& job);
  Status CheckUnchanged(const SourceTree& source);
  Status Make(const Job& job, std::vector<std::string> arguments,
              std::function<void(std::string_view)> on_line = {});
  uint64_t StepsOf(const std::string& config) const;

  const std::filesystem::path cache_;
  const CommandRunner run_;
  const BuiltStore store_;
};

// How far a build is, told now and then: counts the files that make says it compiles.
class BuildProgress {
 public:
  // `expected`: how many earlier builds had, some of which went on from where another was cut
  // short; 0: not known.
  BuildProgress(uint64_t expected, Duration interval, Progress progress);

  void OnLine(std::string_view line);
  uint64_t steps() const { return steps_; }

 private:
  const uint64_t expected_;
  const Duration interval_;
  const Progress progress_;
  const Instant start_;
  Instant last_;
  uint64_t steps_ = 0;
};

}  // namespace kct
