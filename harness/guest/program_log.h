// SPDX-License-Identifier: GPL-2.0-only
// ProgramLog: which programs the vCPUs of this process ran, and what came of them, for whoever
// makes a history of it.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "guest/abi.h"

namespace kct {

struct ProgramRun {
  int vcpu_fd = -1;
  bool host_tsc = false;  // the stamps in the results are of the host's TSC
  uint64_t loaded = 0;    // TSC
  uint64_t ended = 0;     // TSC when the results were taken; 0: not yet
  std::vector<guest::Op> ops;
  std::vector<guest::OpResult> results;  // one for each, once ended
};

// In the order of loading.
std::vector<ProgramRun> ReadProgramLog();
void ClearProgramLog();

// The entry of a program that is loaded.
class LoggedProgram {
 public:
  LoggedProgram() = default;
  explicit LoggedProgram(ProgramRun run);
  LoggedProgram(LoggedProgram&& other) noexcept : number_(std::exchange(other.number_, 0)) {}
  LoggedProgram& operator=(LoggedProgram&& other) noexcept {
    number_ = std::exchange(other.number_, 0);
    return *this;
  }

  explicit operator bool() const { return number_ != 0; }
  void End(std::vector<guest::OpResult> results);

 private:
  uint64_t number_ = 0;  // counts programs of this process; 0: none
};

}  // namespace kct
