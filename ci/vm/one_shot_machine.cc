// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/one_shot_machine.h"

namespace kct {

Heard OneShotMachine::Listen() {
  if (!said_up_) {
    said_up_ = true;
    return Message{.kind = Message::Kind::kUp, .text = release_};
  }
  if (!machine_.ok()) return MachineEnded{MachineEnded::Cause::kOurs, machine_.error().message};
  for (;;) {
    Heard heard = machine_.value()->Listen();
    const auto* message = std::get_if<Message>(&heard);
    if (message == nullptr || message->kind != Message::Kind::kUp) return heard;
  }
}

std::filesystem::path OneShotMachine::folder() const {
  return machine_.ok() && machine_.value() != nullptr ? machine_.value()->folder()
                                                      : std::filesystem::path();
}

}  // namespace kct
