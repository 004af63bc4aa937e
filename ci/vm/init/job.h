// SPDX-License-Identifier: GPL-2.0-only
// Job: one program that PID 1 runs, in a session of its own.
//
// Its standard input is empty; its output and its events (fd 3) come through pipes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ci/vm/init/port.h"
#include "ci/vm/line_splitter.h"
#include "harness/base/clock.h"
#include "harness/base/result.h"
#include "harness/base/unique_fd.h"

namespace kct {

struct RunOrder {
  uint64_t id = 0;
  Duration limit{};
  std::vector<std::string> arguments;  // the first one is the program
};

// Of "ID SECONDS PROGRAM ARG…".
Result<RunOrder> ParseRunOrder(std::string_view text);

class Job {
 public:
  // How long a process may take to disappear after SIGKILL before it counts as stuck.
  static constexpr Duration kGrace = 5s;

  static Result<Job> Start(const RunOrder& command);

  uint64_t id() const { return id_; }
  pid_t pid() const { return pid_; }
  int output() const { return output_.get(); }
  int events() const { return events_.get(); }

  // Passes on what the pipes hold now.
  void Forward(const Port& port);
  // Kills the process group when its time is over. True: it did not go away, and Z was said.
  [[nodiscard]] bool CheckDeadline(const Port& port);
  // The process ended with this status of waitpid(): passes on what is left and says X.
  void End(const Port& port, int wait_status);

 private:
  struct Stream {
    UniqueFd* fd;
    LineSplitter* lines;
    char letter;
  };
  void ForwardStream(const Port& port, const Stream& stream);
  void KillGroup() const;

  uint64_t id_ = 0;
  pid_t pid_ = -1;
  UniqueFd output_;
  UniqueFd events_;
  LineSplitter output_lines_;
  LineSplitter event_lines_;
  Instant started_;
  Duration limit_{};
  std::optional<Instant> killed_;
};

}  // namespace kct
