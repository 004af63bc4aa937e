// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/runner.h"

#include <cstring>

#include "harness/base/check.h"
#include "harness/base/tape.h"

namespace kct {
namespace {

// How often one instruction can leave the guest, string instructions aside: a locked access that
// crosses a page reads and writes twice.
constexpr int kMostPendingExits = 16;

bool HasPendingInstruction(ExitKind kind) {
  return kind == ExitKind::kMmio || kind == ExitKind::kIo || kind == ExitKind::kHypercall ||
         kind == ExitKind::kDone || kind == ExitKind::kPanic;
}

}  // namespace

GuestExit VcpuRunner::Run() {
  vcpu_.run().exit_reason = kNoExitReason;
  const RunCall call = vcpu_.Run();
  GuestExit guest_exit = Classify(call, vcpu_.run());
  NoteOnTape({static_cast<uint64_t>(guest_exit.kind), guest_exit.mmio.gpa.value,
              guest_exit.mmio.size, static_cast<uint64_t>(guest_exit.mmio.direction)});
  last_exit_ = guest_exit.kind;
  return guest_exit;
}

GuestExit VcpuRunner::RunUntilDone() {
  return RunUntilDone([this](const GuestExit& guest_exit) {
    const bool by_signal =
        guest_exit.kind == ExitKind::kInterrupted && vcpu_.run().immediate_exit == 0;
    return by_signal ? Then::kRunOn : Then::kStop;
  });
}

GuestExit VcpuRunner::RunUntilDone(const std::function<Then(const GuestExit&)>& answer) {
  for (;;) {
    GuestExit guest_exit = Run();
    if (guest_exit.done() || answer(guest_exit) == Then::kStop) return guest_exit;
  }
}

void VcpuRunner::AnswerMmio(uint64_t value) {
  KCT_CHECK(last_exit_ == ExitKind::kMmio);
  std::memcpy(vcpu_.run().mmio.data, &value, sizeof value);
}

void VcpuRunner::AnswerIo(uint32_t value) {
  KCT_CHECK(last_exit_ == ExitKind::kIo);
  kvm_run& run = vcpu_.run();
  auto* word = reinterpret_cast<char*>(&run) + run.io.data_offset;
  for (uint32_t i = 0; i < run.io.count; ++i, word += run.io.size) {
    std::memcpy(word, &value, run.io.size);
  }
}

void VcpuRunner::AnswerHypercall(uint64_t value) {
  KCT_CHECK(last_exit_ == ExitKind::kHypercall);
  vcpu_.run().hypercall.ret = value;
}

Status VcpuRunner::EndStringInstruction() const {
  KCT_TRY(kvm_regs regs, vcpu_.GetRegs());
  regs.rcx = 0;
  return vcpu_.SetRegs(regs);
}

Status VcpuRunner::DropPendingExit() {
  for (int i = 0; HasPendingInstruction(last_exit_); ++i) {
    if (i == kMostPendingExits) {
      return MakeError("vCPU: an instruction of the program before does not end");
    }
    vcpu_.run().immediate_exit = 1;
    Run();
    vcpu_.run().immediate_exit = 0;
    KCT_TRY_STATUS(EndStringInstruction());
  }
  return {};
}

}  // namespace kct
