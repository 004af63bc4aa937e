// SPDX-License-Identifier: GPL-2.0-only
// LineMachine: a Machine behind the standard input and output of a child process, which is QEMU
// (the serial port of PID 1) or "kct_init --host"; or one that can't be talked to, and whose output
// is a file that QEMU writes.
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

  // The same with the lines in `output`, a file that the child makes longer. Send() has no effect.
  static Result<std::unique_ptr<Machine>> Follow(const std::vector<std::string>& argv,
                                                 const std::filesystem::path& output,
                                                 const std::filesystem::path& folder,
                                                 const Interrupt& interrupt, Patience patience);

  void Send(const std::string& command) override;
  Heard Listen() override;
  std::filesystem::path folder() const override { return folder_; }

 private:
  struct Output {
    UniqueFd file;   // none: the child's socket
    UniqueFd grows;  // readable when the file has become longer
  };
  static Result<std::unique_ptr<Machine>> Start(const std::vector<std::string>& argv, Output output,
                                                const std::filesystem::path& folder,
                                                const Interrupt& interrupt, Patience patience);
  LineMachine(Child child, Output output, UniqueFd kernel_log, std::filesystem::path folder,
              const Interrupt& interrupt, Patience patience);
  // Bytes arrived, or the reason why none will.
  std::optional<Heard> Wait();
  std::optional<Heard> Read();
  // What there is to read now. 0: nothing more will come.
  ssize_t ReadSome(char* buffer, std::size_t size);
  void Take(std::string_view line);
  MachineEnded Epitaph();

  Child child_;
  Output output_;
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
