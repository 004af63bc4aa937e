// SPDX-License-Identifier: GPL-2.0-only
// LineMachine: a Machine behind the standard input and output of a child process, which is QEMU
// (the serial port of PID 1) or "kct_init --host".
#pragma once

#include <deque>

#include "ci/vm/child.h"
#include "ci/vm/interrupt.h"
#include "ci/vm/line_splitter.h"
#include "ci/vm/machine.h"
#include "harness/base/clock.h"

namespace kct {

struct Patience {
  Duration first_line = 90s;  // a boot on a busy machine
  Duration line = 20s;        // PID 1 says something each second
};

class LineMachine : public Machine {
 public:
  // `folder` gets kernel.log, and stderr.txt of the child. `interrupt` outlives the machine.
  static Result<std::unique_ptr<Machine>> Start(const std::vector<std::string>& argv,
                                                const std::filesystem::path& folder,
                                                const Interrupt& interrupt, Patience patience = {});

  void Send(const std::string& command) override;
  Heard Listen() override;
  std::filesystem::path folder() const override { return folder_; }

 private:
  LineMachine(Child child, UniqueFd kernel_log, std::filesystem::path folder,
              const Interrupt& interrupt, Patience patience);
  // Bytes arrived, or the reason why none will.
  std::optional<Heard> Wait();
  std::optional<Heard> Read();
  void Take(std::string_view line);
  MachineEnded Epitaph();

  Child child_;
  UniqueFd kernel_log_;
  const std::filesystem::path folder_;
  const Interrupt& interrupt_;
  const Patience patience_;
  Instant last_line_;
  bool up_ = false;
  LineSplitter lines_;
  std::deque<Heard> heard_;
};

}  // namespace kct
