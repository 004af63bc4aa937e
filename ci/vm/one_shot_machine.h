// SPDX-License-Identifier: GPL-2.0-only
// OneShotMachine: looks like one machine that obeys one command after the other, and is a new one
// for each of them, which knows its command when it boots. So every command finds the same machine,
// to the last bit, and nothing that the host does can get in between.
#pragma once

#include <functional>
#include <string>

#include "ci/vm/machine.h"

namespace kct {

class OneShotMachine final : public Machine {
 public:
  using Boot = std::function<Result<std::unique_ptr<Machine>>(const std::string& command)>;

  // `release`: what `uname -r` will say there.
  OneShotMachine(Boot boot, std::string release)
      : boot_(std::move(boot)), release_(std::move(release)) {}

  void Send(const std::string& command) override { machine_ = boot_(command); }
  Heard Listen() override;
  std::filesystem::path folder() const override;

 private:
  const Boot boot_;
  const std::string release_;
  bool said_up_ = false;
  Result<std::unique_ptr<Machine>> machine_ = std::unique_ptr<Machine>();
};

}  // namespace kct
