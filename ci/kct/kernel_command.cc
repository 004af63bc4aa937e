// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/kernel_command.h"

#include <fmt/format.h>

#include <thread>

#include "ci/kct/kernel_choice.h"
#include "ci/kct/lab.h"
#include "ci/kct/run_command.h"
#include "ci/kernel/build.h"
#include "ci/kernel/cache.h"
#include "ci/kernel/source_store.h"
#include "ci/kernel/store.h"
#include "ci/kernel/table.h"

namespace kct {
namespace {

void Say(std::string_view line) { fmt::print(stderr, "{}\n", line); }

Exit Show(const Kernel& kernel) {
  fmt::print("{} {}\n{}\n", kernel.spec, kernel.release, kernel.image.string());
  return Exit::kNothingNew;
}

Result<SourceTree> FindSource(const std::string& source) {
  if (IsDebian(source)) return SourceStore(DefaultCacheDirectory()).Get(source, Say);
  return ReadSourceTree(source, RunCommand);
}

}  // namespace

Exit ListKernels(Kernels which) {
  const std::vector<BuiltKernel> built = BuiltStore(DefaultCacheDirectory()).List();
  if (!built.empty()) fmt::print("{}\n", BuiltTable(built));
  const auto kernels = KernelStore(DefaultCacheDirectory()).List(Say);
  if (!kernels) return Complain({Exit::kMachine, kernels.error().message});
  fmt::print("{}", KernelTable(which == Kernels::kAll ? kernels.value()
                                                      : NewestOfEachSeries(kernels.value())));
  return Exit::kNothingNew;
}

Exit GetKernel(const std::string& spec) {
  const std::variant<Kernel, Stop> kernel = Choose({.kernel = spec});
  if (const Stop* stop = std::get_if<Stop>(&kernel)) return Complain(*stop);
  return Show(std::get<Kernel>(kernel));
}

Exit BuildKernel(const BuildOptions& options) {
  const std::filesystem::path fragments =
      options.fragments.empty() ? ProgramFolder() / "kernel-config" : options.fragments;
  Result<BuildConfig> config = BuildConfig::Load(fragments, options.config);
  if (!config) return Complain({Exit::kUsage, config.error().message});
  if (IsDebian(options.source)) {
    if (const auto spec = KernelSpec::Parse(options.source); !spec) {
      return Complain({Exit::kUsage, spec.error().message});
    }
  }
  Result<SourceTree> source = FindSource(options.source);
  if (!source) {
    return Complain(
        {IsDebian(options.source) ? Exit::kMachine : Exit::kUsage, source.error().message});
  }
  const unsigned jobs =
      options.jobs != 0 ? options.jobs : std::max(1U, std::thread::hardware_concurrency());
  const Result<Kernel> kernel =
      KernelBuilder(DefaultCacheDirectory()).Build({*source, *config, jobs}, Say);
  if (!kernel) return Complain({Exit::kMachine, kernel.error().message});
  return Show(kernel.value());
}

}  // namespace kct
