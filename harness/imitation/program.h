// SPDX-License-Identifier: GPL-2.0-only
// ProgramRunner: carries out the program of a guest part by part, as the interpreter in the guest
// would (guests/payloads/interpreter.cc); its accesses are the model's.
#pragma once

#include <optional>

#include "guest/abi.h"
#include "harness/imitation/operations.h"

namespace kct::imitation {

class ProgramRunner {
 public:
  // REQUIRES: the calling thread has the vCPU.
  ProgramRunner(Stay& stay, Vm& vm, Vcpu& vcpu)
      : stay_(stay), vm_(vm), vcpu_(vcpu), guest_(vcpu.guest), answered_(vcpu.guest.waits) {
    guest_.waits = false;
  }

  enum class Now {
    kRuns,
    kWaits,   // for an update of the slot that its code is in
    kLeft,    // kvm_run says why
    kLost,    // there is no slot with its next instruction
    kFailed,  // failure() says how
  };
  // One access, or one operation that makes none.
  Now Step();
  // Whether the next step goes on with the instruction that had left the guest.
  bool FinishesAnInstruction() const { return answered_ || halfway_; }
  const Reached& failure() const { return failure_; }

 private:
  // How far a part of an operation got.
  enum class Part {
    kDone,     // on to the next
    kAgain,    // the same again: a loop
    kStopped,  // now_ says why
  };

  Now StepIn(guest::CpuArea& area);
  void EndOp(guest::CpuArea& area);
  Part Do(const guest::Op& op, guest::OpResult& result);
  Part DoString(const guest::Op& op, guest::OpResult& result);
  Part DoExchange(const guest::Op& op, guest::OpResult& result);
  Part DoSpin(const guest::Op& op, guest::OpResult& result);
  Part DoHypercall(const guest::Op& op, guest::OpResult& result);
  void LeaveForHypercall(const guest::Op& op);

  // Who makes an access: the guest, or KVM for a string instruction.
  enum class By { kGuest, kKvm };
  std::optional<uint64_t> Load(uint64_t gpa, uint32_t width, model::Access kind, By by);
  bool Store(uint64_t gpa, uint32_t width, uint64_t value, By by);
  bool Out(const guest::Op& op, uint64_t value);
  std::optional<uint64_t> In(const guest::Op& op);
  // Makes an access to what its address stands for. What the guest wrote may be page tables.
  Reached Reach(Access& access);
  bool Came(const Reached& reached, const Access& access);
  void LeaveForMmio(const Access& access);
  void LeaveForPort(uint64_t port, uint32_t width, uint8_t direction);
  bool TakeAnswer();

  Stay& stay_;
  Vm& vm_;
  Vcpu& vcpu_;
  Guest& guest_;
  bool answered_;         // the exit of the part that comes next has its answer in kvm_run
  bool halfway_ = false;  // an exit was answered, and its instruction is not over
  guest::Mailbox* mailbox_ = nullptr;
  Now now_ = Now::kRuns;
  std::optional<uint64_t> page_fault_;  // where the guest's operation has just met one
  Reached failure_;
};

}  // namespace kct::imitation
