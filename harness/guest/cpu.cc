// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/cpu.h"

#include <algorithm>
#include <cstring>

#include "harness/base/check.h"
#include "harness/guest/entry_state.h"

namespace kct {
namespace {

// An unfinished instruction can leave the guest again a few times before it is complete, for
// instance a move of many words to MMIO. More often than this it does not matter: what is thrown
// away need not be complete.
constexpr int kMostPendingExits = 16;

// Sets the guest's TSC to the host's, where KVM lets us.
GuestCpu::Stamps ShareTsc(const Vcpu& vcpu) {
  uint64_t offset = 0;
  const kvm_device_attr attribute{.group = KVM_VCPU_TSC_CTRL,
                                  .attr = KVM_VCPU_TSC_OFFSET,
                                  .addr = reinterpret_cast<uintptr_t>(&offset)};
  const auto call = IssueAt(vcpu.fd(), KVM_SET_DEVICE_ATTR, &attribute);
  return call.ok() ? GuestCpu::Stamps::kHostTsc : GuestCpu::Stamps::kOwn;
}

bool HasPendingInstruction(ExitKind kind) {
  return kind == ExitKind::kMmio || kind == ExitKind::kIo || kind == ExitKind::kHypercall ||
         kind == ExitKind::kDone;
}

}  // namespace

GuestCpu::GuestCpu(Vcpu vcpu, guest::CpuArea* area, int id)
    : vcpu_(std::move(vcpu)), area_(area), id_(id), stamps_(ShareTsc(vcpu_)) {}

Status GuestCpu::SetRegisters() const {
  KCT_TRY(const kvm_sregs reset, vcpu_.GetSregs());
  KCT_TRY_STATUS(vcpu_.SetSregs(LongModeSregs(reset, id_)));
  return vcpu_.SetRegs(EntryRegs(id_));
}

// KVM carries out the rest of an instruction that left the guest when KVM_RUN is called next, with
// whatever registers there are then. So let it do that before they are replaced.
void GuestCpu::DropPendingExit() {
  vcpu_.run().immediate_exit = 1;
  for (int i = 0; i < kMostPendingExits && HasPendingInstruction(last_exit_); ++i) Run();
  vcpu_.run().immediate_exit = 0;
}

Status GuestCpu::Load(const Program& program) {
  const auto ops = program.ops();
  if (ops.size() > guest::kMaxOps) {
    return MakeError("a program of {} operations, at most {} are possible", ops.size(),
                     guest::kMaxOps);
  }
  DropPendingExit();
  KCT_TRY_STATUS(SetRegisters());
  guest::Mailbox& mailbox = area_->mailbox;
  mailbox.self = guest::CpuAreaGpa(id_);
  mailbox.recovery_rsp = 0;
  mailbox.cpu = static_cast<uint64_t>(id_);
  mailbox.op_count = ops.size();
  mailbox.flag = 0;
  mailbox.progress = 0;
  std::copy(ops.begin(), ops.end(), area_->ops);
  std::fill_n(area_->results, ops.size(), guest::OpResult{});
  return {};
}

GuestExit GuestCpu::Run() {
  vcpu_.run().exit_reason = kNoExitReason;
  const GuestExit guest_exit = Classify(vcpu_.Run(), vcpu_.run());
  last_exit_ = guest_exit.kind;
  return guest_exit;
}

GuestExit GuestCpu::RunUntilDone() {
  return RunUntilDone([](const GuestExit& guest_exit) {
    return guest_exit.kind == ExitKind::kInterrupted ? Then::kRunOn : Then::kStop;
  });
}

GuestExit GuestCpu::RunUntilDone(const std::function<Then(const GuestExit&)>& answer) {
  for (;;) {
    GuestExit guest_exit = Run();
    if (guest_exit.done() || answer(guest_exit) == Then::kStop) return guest_exit;
  }
}

void GuestCpu::AnswerMmio(uint64_t value) {
  KCT_CHECK(last_exit_ == ExitKind::kMmio);
  std::memcpy(vcpu_.run().mmio.data, &value, sizeof value);
}

void GuestCpu::AnswerIo(uint32_t value) {
  KCT_CHECK(last_exit_ == ExitKind::kIo);
  kvm_run& run = vcpu_.run();
  auto* word = reinterpret_cast<char*>(&run) + run.io.data_offset;
  for (uint32_t i = 0; i < run.io.count; ++i, word += run.io.size) {
    std::memcpy(word, &value, run.io.size);
  }
}

void GuestCpu::AnswerHypercall(uint64_t value) {
  KCT_CHECK(last_exit_ == ExitKind::kHypercall);
  vcpu_.run().hypercall.ret = value;
}

void GuestCpu::RaiseFlag() { area_->mailbox.flag = 1; }
void GuestCpu::LowerFlag() { area_->mailbox.flag = 0; }

uint64_t GuestCpu::Progress() const { return area_->mailbox.progress; }

bool GuestCpu::WaitUntilProgress(Instant deadline) const {
  const uint64_t before = Progress();
  return WaitUntil([&] { return Progress() != before; }, deadline);
}

std::vector<guest::OpResult> GuestCpu::results() const {
  return {area_->results, area_->results + area_->mailbox.op_count};
}

guest::OpResult GuestCpu::result(std::size_t index) const {
  KCT_CHECK(index < area_->mailbox.op_count);
  return area_->results[index];
}

}  // namespace kct
