// SPDX-License-Identifier: GPL-2.0-only
// RunCommand: another program, run to its end, with what it printed.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/result.h"

namespace kct {

struct Command {
  std::vector<std::string> argv;         // argv[0] is searched in PATH
  std::vector<std::string> environment;  // "NAME=value", on top of our own; LC_ALL is always C
  std::filesystem::path directory;       // where it runs; empty: where we are
  Duration timeout = 10min;              // it is killed after that
  // Is shown each whole line of its standard output as it comes.
  std::function<void(std::string_view)> on_line = {};
};

struct CommandOutput {
  int status = 0;  // exit status; 128 + N for signal N, as shells say it
  std::string out;
  std::string err;
  bool ok() const { return status == 0; }
  // The line of `err` that best says what went wrong: the first that starts with "E: " (apt) or
  // the last one; the exit status where nothing was printed.
  std::string Complaint() const;
};

// An Error only where the program could not be started, or did not end in time. It is told to end
// when this process dies.
Result<CommandOutput> RunCommand(const Command& command);

// What the kernel store calls instead of RunCommand where a test wants to play apt.
using CommandRunner = std::function<Result<CommandOutput>(const Command&)>;

}  // namespace kct
