// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/lab.h"

#include <sys/utsname.h>

#include <algorithm>
#include <set>

#include "ci/kct/payload.h"
#include "ci/kct/seeds.h"
#include "ci/kernel/command.h"
#include "ci/kernel/image.h"
#include "ci/kernel/slowness.h"
#include "ci/vm/files.h"
#include "ci/vm/one_shot_machine.h"
#include "kct_generated/version.h"

namespace kct {
namespace {

std::string HostRelease() {
  utsname names;
  uname(&names);
  return names.release;
}

// The word of a program's output that stands at `position`; empty if there is none.
std::string WordOf(const std::vector<std::string>& argv, std::size_t position) {
  const Result<CommandOutput> output = RunCommand({.argv = argv});
  if (!output || !output.value().ok()) return "";
  std::istringstream words(output.value().out);
  std::string word;
  for (std::size_t i = 0; i <= position; ++i) words >> word;
  return word;
}

Result<KnownFailures> LoadKnown(const std::filesystem::path& path) {
  Result<std::string> text = ReadFile(path);
  if (!text) return MakeError("known failures: {}", text.error().message);
  return KnownFailures::Parse(path.string(), *text);
}

Status CheckMemory(const std::string& memory) {
  const std::size_t digits = memory.find_first_not_of("0123456789");
  const bool good =
      digits != 0 && (digits == std::string::npos ||
                      (digits + 1 == memory.size() &&
                       std::string_view("MG").find(memory[digits]) != std::string::npos));
  if (good) return {};
  return MakeError("--memory: '{}' is no size such as 2G or 1536M", memory);
}

// From the command, that is from its seed: up to the time between two ticks of the scheduler.
uint64_t SpinOf(const std::string& command) {
  constexpr uint64_t kMost = 1'000'000;
  return SeedOfTest(0, command) % kMost;
}

}  // namespace

std::filesystem::path ProgramFolder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

std::variant<Lab, Stop> Lab::Open(const LabOptions& options) {
  Lab lab;
  lab.options_ = options;
  if (lab.options_.programs.empty()) lab.options_.programs = ProgramFolder() / "suites";
  if (lab.options_.known.empty()) lab.options_.known = ProgramFolder() / "known-failures.txt";
  if (Status memory = CheckMemory(options.memory); !memory) {
    return Stop{Exit::kUsage, memory.error().message};
  }
  if (Status out = RunFolder::CheckName(options.out); !out) {
    return Stop{Exit::kUsage, out.error().message};
  }
  Result<KnownFailures> known = LoadKnown(lab.options_.known);
  if (!known) return Stop{Exit::kUsage, known.error().message};
  lab.known_ = std::move(known).value();
  Result<std::vector<std::filesystem::path>> programs = FindTestPrograms(lab.options_.programs);
  if (!programs) return Stop{Exit::kUsage, programs.error().message};
  lab.programs_ = std::move(programs).value();
  Result<std::vector<TestCase>> tests = ListTests(lab.programs_);
  if (!tests) return Stop{Exit::kBug, tests.error().message};
  lab.tests_ = std::move(tests).value();
  return lab;
}

std::optional<Stop> Lab::Equip() {
  facts_.kct_version = kVersion;
  facts_.host_release = HostRelease();
  const bool vm = options_.target == Target::kVm;
  facts_.target = vm ? "vm" : "host";
  return vm ? EquipVm() : EquipHost();
}

std::optional<Stop> Lab::EquipHost() {
  facts_.kernel_spec = "this host";
  facts_.kernel_release = facts_.host_release;
  facts_.rerun = "./kct run --target host";
  Result<KernelVersion> version = KernelVersion::Parse(facts_.host_release);
  if (!version) return Stop{Exit::kMachine, version.error().message};
  version_ = *version;
  return MakeRunFolder();
}

std::optional<Stop> Lab::EquipVm() {
  Result<std::filesystem::path> qemu = FindQemu();
  if (!qemu) return Stop{Exit::kMachine, qemu.error().message};
  qemu_ = *qemu;
  std::variant<Kernel, Stop> chosen = Choose(options_.kernel);
  if (const Stop* stop = std::get_if<Stop>(&chosen)) return *stop;
  kernel_ = std::get<Kernel>(std::move(chosen));
  Result<KernelVersion> version = VersionOf(*kernel_);
  if (!version) return Stop{Exit::kUsage, version.error().message};
  version_ = *version;
  facts_.kernel_spec = kernel_->spec;
  facts_.kernel_release = kernel_->release;
  facts_.kernel_sha256 = WordOf({"sha256sum", kernel_->image.string()}, 0);
  facts_.qemu_version = WordOf({qemu_.string(), "--version"}, 3);
  facts_.emulation = options_.deterministic
                         ? fmt::format("deterministic, shift {}", *options_.deterministic)
                     : options_.emulation == Emulation::kMulti ? "multi"
                                                               : "single";
  facts_.slowness = SlownessOf(*kernel_);
  facts_.cpus = options_.cpus;
  facts_.memory = options_.memory;
  facts_.rerun = "./kct run " + AsArguments(options_.kernel, *kernel_);
  if (options_.deterministic) {
    facts_.rerun += fmt::format(" --deterministic --shift {}", *options_.deterministic);
  } else if (options_.emulation == Emulation::kSingle) {
    facts_.rerun += " --emulation single";
  }
  std::vector<std::filesystem::path> programs = programs_;
  programs.insert(programs.end(), options_.more_programs.begin(), options_.more_programs.end());
  Result<std::string> payload = MakePayload(*kernel_, ProgramFolder() / "kct_init", programs);
  if (!payload) return Stop{Exit::kUsage, payload.error().message};
  if (std::optional<Stop> stop = MakeRunFolder()) return stop;
  if (Status written = WriteFile(folder_->initramfs(), *payload); !written) {
    return Stop{Exit::kMachine, written.error().message};
  }
  return std::nullopt;
}

std::optional<Stop> Lab::MakeRunFolder() {
  Result<RunFolder> folder = options_.out.empty() ? RunFolder::Dated(facts_.kernel_release)
                                                  : RunFolder::Named(options_.out);
  if (!folder) return Stop{Exit::kMachine, folder.error().message};
  folder_ = std::move(folder).value();
  facts_.folder = folder_->path().string();
  return std::nullopt;
}

TestResult Lab::Classify(TestResult result) const {
  return known_.Classify(std::move(result), version_);
}

bool Lab::MayFail(const Assignment& assignment) const {
  return std::ranges::any_of(assignment.test.clauses, [&](const std::string& clause) {
    return known_.Find(clause, assignment.mode, version_) != nullptr;
  });
}

Boot Lab::MakeBoot(const Interrupt& interrupt) {
  return [this, &interrupt](Mode mode, Emulation emulation) -> Result<std::unique_ptr<Machine>> {
    if (mode == Mode::kHost) {
      return LineMachine::Start({ProgramFolder() / "kct_init", "--host", options_.programs},
                                folder_->NextMachine(mode, emulation), interrupt);
    }
    if (options_.deterministic) {
      return std::unique_ptr<Machine>(std::make_unique<OneShotMachine>(
          [this, mode, &interrupt](const std::string& command) {
            return BootOnce(mode, command, SpinOf(command), interrupt);
          },
          kernel_->release));
    }
    VmOptions vm = MakeVm(mode);
    vm.emulation = emulation;
    return BootVm(vm, folder_->NextMachine(mode, emulation), interrupt);
  };
}

Result<std::unique_ptr<Machine>> Lab::BootOnce(Mode mode, const std::string& command, uint64_t spin,
                                               const Interrupt& interrupt) {
  VmOptions vm = MakeVm(mode);
  vm.determinism = {.shift = *options_.deterministic, .spin = spin, .command = command};
  // Of a counted clock: silence there may last longer here.
  constexpr Patience kPatience{.first_line = 300s, .line = 120s};
  return BootVm(vm, folder_->NextMachine(mode, Emulation::kSingle), interrupt, kPatience);
}

VmOptions Lab::MakeVm(Mode mode) const {
  VmOptions vm{.qemu = qemu_, .image = kernel_->image, .initramfs = folder_->initramfs()};
  vm.cpus = options_.cpus;
  vm.memory = options_.memory;
  vm.kernel_arguments = fmt::format("kvm_amd.npt={}", mode == Mode::kNpt ? 1 : 0);
  return vm;
}

RunnerOptions Lab::MakeRunnerOptions() const {
  RunnerOptions options;
  options.emulation = options_.emulation;
  options.can_confirm = options_.target == Target::kVm && !options_.deterministic;
  options.is_deterministic = options_.deterministic.has_value();
  options.slowness = facts_.slowness;
  if (options_.target == Target::kHost) options.test_folder = ".";
  return options;
}

}  // namespace kct
