// SPDX-License-Identifier: GPL-2.0-only
// Lab: the kernel under test and all it takes to boot machines with it; what `kct run` and
// `kct session` have in common.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ci/kct/kernel_choice.h"
#include "ci/kct/known_failures.h"
#include "ci/kct/run_folder.h"
#include "ci/kct/run_report.h"
#include "ci/kct/runner.h"
#include "ci/vm/interrupt.h"

namespace kct {

enum class Target { kVm, kHost };

struct LabOptions {
  KernelChoice kernel;
  Target target = Target::kVm;
  Emulation emulation = Emulation::kMulti;
  // A machine of its own for each test, on which nothing depends on the host: the shift
  // (Determinism).
  std::optional<unsigned> deterministic;
  unsigned cpus = 2;
  std::string memory = "2G";
  std::vector<std::filesystem::path> more_programs;  // into /bin of the VM, besides the tests
  std::filesystem::path known;     // empty: known-failures.txt beside this program
  std::filesystem::path programs;  // empty: the folder suites beside this program
  std::filesystem::path out;       // empty: a dated folder
};

// The folder of the running program.
std::filesystem::path ProgramFolder();

class Lab {
 public:
  // Everything that needs no kernel: the test binaries, the known failures.
  static std::variant<Lab, Stop> Open(const LabOptions& options);

  const std::vector<TestCase>& tests() const { return tests_; }
  const LabOptions& options() const { return options_; }
  // Where the test binaries are, and the lists of what they must not survive.
  const std::filesystem::path& program_folder() const { return options_.programs; }

  // Gets the kernel, makes the folder and the initramfs.
  std::optional<Stop> Equip();

  // REQUIRES: Equip() succeeded, for all that follows.
  RunFolder& folder() { return *folder_; }
  RunFacts Facts() const { return facts_; }
  TestResult Classify(TestResult result) const;
  // Whether it has a clause that this kernel is known to fail.
  bool MayFail(const Assignment& assignment) const;
  // May be called by several threads at the same time.
  Boot MakeBoot(const Interrupt& interrupt);
  // A deterministic machine that knows its command; `spin` as in Determinism.
  Result<std::unique_ptr<Machine>> BootOnce(Mode mode, const std::string& command, uint64_t spin,
                                            const Interrupt& interrupt);
  RunnerOptions MakeRunnerOptions() const;

 private:
  Lab() = default;
  std::optional<Stop> EquipVm();
  std::optional<Stop> EquipHost();
  std::optional<Stop> MakeRunFolder();
  VmOptions MakeVm(Mode mode) const;

  LabOptions options_;
  std::vector<std::filesystem::path> programs_;
  std::vector<TestCase> tests_;
  KnownFailures known_;
  std::filesystem::path qemu_;
  std::optional<Kernel> kernel_;
  KernelVersion version_;
  std::optional<RunFolder> folder_;
  RunFacts facts_;
};

}  // namespace kct
