// SPDX-License-Identifier: GPL-2.0-only
// ProgressPrinter: what a run does, while it does it. On a terminal one line that is rewritten,
// elsewhere a line a test.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "ci/kct/run_report.h"
#include "ci/kct/runner.h"

namespace kct {

enum class Surface { kPlain, kTerminal };

struct PrinterOptions {
  Surface surface = Surface::kPlain;
  Colors colors = Colors::kOff;
};

// As standard error is, with regard to NO_COLOR.
PrinterOptions PrinterForStderr();
// For what goes to standard output.
Colors ColorsForStdout();

class ProgressPrinter : public Watcher {
 public:
  ProgressPrinter(PrinterOptions options, std::size_t total) : options_(options), total_(total) {}

  void Booting(Mode mode, Emulation emulation, const std::string& why) override;
  void Starting(const Assignment& assignment) override;
  void StillRunning(const Assignment& assignment) override;
  void Done(const TestResult& result);
  // Leaves the live line.
  void End();

 private:
  // REQUIRES: mutex_ is held, for all of these.
  void Print(const std::string& line);
  void ShowRunning();
  void ShowLive(const std::string& line);
  std::string Counts() const;

  const PrinterOptions options_;
  const std::size_t total_;
  std::mutex mutex_;
  std::size_t done_ = 0;
  std::map<Verdict, int> counts_;
  struct Running {
    std::string name;
    Instant since;
  };
  std::vector<Running> running_;  // the one that began first comes first
};

}  // namespace kct
