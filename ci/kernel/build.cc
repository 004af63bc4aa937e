// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/build.h"

#include <fcntl.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>

#include "ci/kernel/cache.h"
#include "ci/kernel/image.h"
#include "ci/kernel/local.h"
#include "harness/base/sha256.h"

namespace kct {
namespace {

namespace fs = std::filesystem;

constexpr Duration kBuildTimeout = 24h;
constexpr Duration kProgressInterval = 10s;
// Objects, image and modules; with KASAN and with debug information they are as large as that.
constexpr Bytes kNeeded{4096u << 20};

struct Tool {
  std::vector<std::string> probe;
  const char* package;  // of Debian
};

const std::vector<Tool>& Tools() {
  static const std::vector<Tool> tools = {
      {{"gcc", "--version"}, "gcc"},
      {{"ld", "--version"}, "binutils"},
      {{"make", "--version"}, "make"},
      {{"flex", "--version"}, "flex"},
      {{"bison", "--version"}, "bison"},
      {{"bc", "--version"}, "bc"},
      {{"gcc", "-E", "-x", "c", "-include", "libelf.h", "/dev/null"}, "libelf-dev"},
  };
  return tools;
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

Status WriteText(const fs::path& path, const std::string& text, std::ios::openmode mode) {
  std::ofstream file(path, mode);
  file << text << std::flush;
  if (!file) return MakeError("can't write {}: is the disk full?", path.string());
  return {};
}

// What stopped make: the first complaint of a compiler, else of make.
std::string WhyMakeFailed(const CommandOutput& output) {
  for (const char* mark : {"No space left on device", "error:", "*** "}) {
    std::istringstream lines(output.err);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(mark) != std::string::npos) return line;
    }
  }
  return output.Complaint();
}

std::string Minutes(Duration duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  return fmt::format("{}:{:02} min", seconds / 60, seconds % 60);
}

// "debug-sw-protected". Commas are no good in a path either: the kernel's own make hands paths on
// in options that end at one (-Wp,-MMD,PATH).
std::string NameWithoutCommas(const BuildConfig& config) {
  std::string name = config.name();
  std::replace(name.begin(), name.end(), ',', '-');
  return name;
}

}  // namespace

BuildProgress::BuildProgress(uint64_t expected, Duration interval, Progress progress)
    : expected_(expected),
      interval_(interval),
      progress_(std::move(progress)),
      start_(Clock::now()),
      last_(start_) {}

// Such as "  CC [M]  arch/x86/kvm/mmu/mmu.o".
void BuildProgress::OnLine(std::string_view line) {
  const bool compiles = line.starts_with("  CC ") || line.starts_with("  AS ");
  if (!compiles) return;
  ++steps_;
  const Instant now = Clock::now();
  if (now - last_ < interval_) return;
  last_ = now;
  progress_(fmt::format("{} files compiled{} in {}; now {}", steps_,
                        expected_ < steps_ ? "" : fmt::format(" of about {}", expected_),
                        Minutes(now - start_), line.substr(line.find_last_of(' ') + 1)));
}

KernelBuilder::KernelBuilder(fs::path cache, CommandRunner run)
    : cache_(fs::absolute(cache)), run_(std::move(run)), store_(cache_) {}

// Compiler and linker, as they say what they are.
Result<std::string> KernelBuilder::CheckTools() {
  std::string versions;
  for (const Tool& tool : Tools()) {
    const auto output = run_({.argv = tool.probe});
    if (!output || !output.value().ok()) {
      return MakeError("kernel build: this machine lacks {} (Debian: apt-get install {})",
                       tool.probe.size() > 2 ? tool.package : tool.probe[0], tool.package);
    }
    if (tool.probe[0] == "gcc" && tool.probe.size() > 2) continue;
    if (tool.probe[0] == "gcc" || tool.probe[0] == "ld") {
      versions += (versions.empty() ? "" : ", ") + FirstLine(output.value().out);
    }
  }
  return versions;
}

Result<Kernel> KernelBuilder::Build(const BuildRequest& request, const Progress& progress) {
  return Guarded(cache_, [&]() -> Result<Kernel> {
    KCT_TRY(const std::string compiler, CheckTools());
    const SourceTree& source = request.source;
    const std::string& name = request.config.name();
    const std::string folder =
        NameWithoutCommas(request.config) + "_" + Sha256(source.path.string()).substr(0, 10);
    Job job{request, cache_ / "build" / folder, {}};
    job.result.config = name;
    job.result.id =
        BuildId(source.identity, name + "\n" + request.config.TextFor(source.version), compiler);
    job.result.source = source.name;
    job.result.compiler = compiler;
    if (auto known = store_.Get(job.result.Spec())) return known;
    KCT_TRY(const UniqueFd lock, LockFile(job.folder / "lock", Duration::zero(),
                                          fmt::format("kernel build: another kct is building in {}",
                                                      job.folder.string())));
    // Make and its children keep the lock: they may outlive us for a moment.
    fcntl(lock.get(), F_SETFD, 0);
    KCT_TRY_STATUS(CheckSpace("kernel build", kNeeded, cache_));
    progress(fmt::format("configuring {} from {}", name, source.name));
    KCT_TRY_STATUS(Configure(job));
    KCT_TRY_STATUS(Compile(job, progress));
    KCT_TRY_STATUS(CheckUnchanged(source));
    return Collect(job);
  });
}

Status KernelBuilder::Make(const Job& job, std::vector<std::string> arguments,
                           std::function<void(std::string_view)> on_line) {
  const fs::path log = job.folder / "build.log";
  std::vector<std::string> argv{"make",
                                "-C",
                                job.request.source.path.string(),
                                "O=" + job.folder.string(),
                                "ARCH=x86",
                                fmt::format("-j{}", job.request.jobs),
                                "LOCALVERSION=-" + NameWithoutCommas(job.request.config)};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  KCT_TRY(const CommandOutput output,
          run_({.argv = argv,
                // The same sources give the same kernel, whoever
                // builds it and when.
                .environment = {"MAKEFLAGS=", "KBUILD_BUILD_USER=kct", "KBUILD_BUILD_HOST=kct",
                                "KBUILD_BUILD_VERSION=1", "KBUILD_BUILD_TIMESTAMP=1970-01-01 UTC"},
                .timeout = kBuildTimeout,
                .on_line = std::move(on_line)}));
  KCT_TRY_STATUS(WriteText(log, output.out + output.err, std::ios::app));
  if (output.ok()) return {};
  return MakeError("kernel build: {} (all of it: {})", WhyMakeFailed(output), log.string());
}

// What is not wanted is off: as allnoconfig has it, with our options on top.
Status KernelBuilder::Configure(const Job& job) {
  const BuildConfig& config = job.request.config;
  const KernelVersion& version = job.request.source.version;
  const fs::path wanted = job.folder / "wanted.config";
  KCT_TRY_STATUS(WriteText(wanted, config.TextFor(version), std::ios::trunc));
  KCT_TRY_STATUS(WriteText(job.folder / "build.log", "", std::ios::trunc));
  KCT_TRY_STATUS(Make(job, {"KCONFIG_ALLCONFIG=" + wanted.string(), "allnoconfig"}));
  std::ifstream made(job.folder / ".config");
  return config.CheckTaken(std::string{std::istreambuf_iterator<char>(made), {}}, version);
}

uint64_t KernelBuilder::StepsOf(const std::string& config) const {
  uint64_t steps = 0;
  for (const BuiltKernel& built : store_.List()) {
    if (built.config == config) steps = std::max(steps, built.steps);
  }
  return steps;
}

Status KernelBuilder::Compile(Job& job, const Progress& progress) {
  const uint64_t expected = StepsOf(job.result.config);
  const Instant start = Clock::now();
  BuildProgress steps(expected, kProgressInterval, progress);
  progress(fmt::format("compiling with {} jobs; minutes, and it can be interrupted and resumed",
                       job.request.jobs));
  KCT_TRY_STATUS(
      Make(job, {"bzImage", "modules"}, [&](std::string_view line) { steps.OnLine(line); }));
  progress(fmt::format("compiled {} files in {}", steps.steps(), Minutes(Clock::now() - start)));
  job.result.steps = std::max(expected, steps.steps());
  const fs::path installed = job.folder / "installed";
  fs::remove_all(installed);
  // Load order comes from the modules themselves: depmod is not needed.
  return Make(job, {"modules_install", "INSTALL_MOD_PATH=" + installed.string(), "DEPMOD=true"});
}

// An edit meanwhile may or may not be in what was built.
Status KernelBuilder::CheckUnchanged(const SourceTree& source) {
  if (source.identity == source.name) return {};  // Debian's, which nobody edits
  KCT_TRY(const SourceTree now, ReadSourceTree(source.path, run_));
  if (now.identity == source.identity) return {};
  return MakeError("kernel source {}: changed while it was being built; build again",
                   source.path.string());
}

Result<Kernel> KernelBuilder::Collect(const Job& job) {
  const Scratch scratch(job.folder / "fresh");
  const fs::path image = job.folder / "arch/x86/boot/bzImage";
  KCT_TRY(const ImageBanner banner, ReadImageBanner(image));
  fs::copy_file(image, scratch.path() / "vmlinuz");
  fs::copy_file(job.folder / ".config", scratch.path() / "config");
  fs::copy_file(job.folder / "System.map", scratch.path() / "System.map");
  fs::rename(job.folder / "installed/lib/modules", scratch.path() / "modules");
  fs::remove(scratch.path() / "modules" / banner.release / "build");
  BuiltKernel built = job.result;
  built.release = banner.release;
  built.built_at = static_cast<uint64_t>(std::time(nullptr));
  return store_.Add(scratch.path(), built);
}

}  // namespace kct
