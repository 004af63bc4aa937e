// SPDX-License-Identifier: GPL-2.0-only
// Runner: runs assignments, one after the other, each in a process of its own, on a machine that
// can be trusted: one that is spent is replaced first.
//
// Under multi-threaded emulation the kernel's log and its death are weak evidence, because QEMU
// can be the cause. A result with no other evidence is repeated under single-threaded emulation. If
// it doesn't show there it becomes inconclusive, with all that was seen kept; where it bears the
// marks of what the emulator is known to do, the repetition counts, and the report says so.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "ci/kct/exit_status.h"
#include "ci/kct/test_result.h"
#include "ci/vm/machine.h"
#include "ci/vm/qemu.h"
#include "harness/base/clock.h"

namespace kct {

// Starts a machine of a mode; its first line says whether it came up.
using Boot = std::function<Result<std::unique_ptr<Machine>>(Mode, Emulation)>;

// Is told what goes on. Where several runners share it they call it at the same time.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // `why`: one line; empty for the first machine of a mode.
  virtual void Booting(Mode mode, Emulation emulation, const std::string& why) = 0;
  virtual void Starting(const Assignment& assignment) = 0;
  virtual void StillRunning(const Assignment& assignment) = 0;  // each second
};

struct RunnerOptions {
  Emulation emulation = Emulation::kMulti;
  bool can_confirm = true;               // there is a single-threaded emulation to repeat things in
  bool is_deterministic = false;         // the same again is the same: findings are made twice
  std::string test_folder = "/bin";      // of the test binaries, on the machine; empty: their path
  std::chrono::seconds test_limit{120};  // at a usual kernel's speed
  unsigned slowness = 1;                 // how many times longer every limit is on this one
};

class Runner {
 public:
  Runner(Boot boot, RunnerOptions options, Watcher& watcher)
      : boot_(std::move(boot)), options_(std::move(options)), watcher_(watcher) {}

  std::variant<TestResult, Stop> Run(const Assignment& assignment);

  // Boots the machine of a mode if it isn't up.
  std::optional<Stop> Prepare(Mode mode);
  // Ends the machines of all modes but this one.
  void KeepOnly(Mode mode);
  // What `uname -r` says there; empty if no machine came up yet.
  const std::string& release() const { return release_; }

 private:
  using Booted = std::variant<std::unique_ptr<Machine>, Stop>;
  Booted BootUp(Mode mode, Emulation emulation);
  std::variant<TestResult, Stop> RunOn(Machine& machine, const Assignment& assignment);
  std::variant<TestResult, Stop> Confirm(TestResult seen);
  std::variant<TestResult, Stop> Compare(TestResult first);
  std::string CommandFor(const Assignment& assignment, uint64_t id) const;
  std::chrono::seconds TestLimit() const { return options_.test_limit * options_.slowness; }

  const Boot boot_;
  const RunnerOptions options_;
  Watcher& watcher_;
  std::map<Mode, std::unique_ptr<Machine>> machines_;
  std::map<Mode, std::string> spent_because_;
  std::string release_;
  uint64_t next_id_ = 1;
};

}  // namespace kct
