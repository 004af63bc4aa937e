// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/cpu.h"

#include <algorithm>

#include "harness/base/check.h"
#include "harness/guest/entry_state.h"

namespace kct {
namespace {

GuestCpu::Tsc ShareTsc(const Vcpu& vcpu) {
  const uint64_t offset = 0;
  const kvm_device_attr attribute{.group = KVM_VCPU_TSC_CTRL,
                                  .attr = KVM_VCPU_TSC_OFFSET,
                                  .addr = reinterpret_cast<uintptr_t>(&offset)};
  const auto call = IssueAt(vcpu.fd(), KVM_SET_DEVICE_ATTR, &attribute);
  return call.ok() ? GuestCpu::Tsc::kHost : GuestCpu::Tsc::kOwn;
}

}  // namespace

GuestCpu::GuestCpu(Vcpu vcpu, guest::CpuArea* area, int id)
    : VcpuRunner(std::move(vcpu)), area_(area), id_(id), tsc_(ShareTsc(this->vcpu())) {}

Status GuestCpu::Load(const Program& program) {
  const auto ops = program.ops();
  if (ops.size() > guest::kMaxOps) {
    return MakeError("a program of {} operations; at most {} are possible", ops.size(),
                     guest::kMaxOps);
  }
  KCT_TRY_STATUS(DropPendingExit());
  NoteResults();
  KCT_TRY(const kvm_sregs found, vcpu().GetSregs());
  KCT_TRY_STATUS(vcpu().SetSregs(LongModeSregs(found, id_)));
  KCT_TRY_STATUS(vcpu().SetRegs(EntryRegs(id_)));
  guest::Mailbox& mailbox = area_->mailbox;
  mailbox.recovery_rsp = 0;
  mailbox.self = guest::CpuAreaGpa(id_);
  mailbox.cpu = static_cast<uint64_t>(id_);
  mailbox.op_count = ops.size();
  mailbox.flag = 0;
  mailbox.progress = 0;
  std::copy(ops.begin(), ops.end(), area_->ops);
  std::fill_n(area_->results, ops.size(), guest::OpResult{});
  logged_ = LoggedProgram(ProgramRun{.vcpu_fd = vcpu().fd(),
                                     .host_tsc = tsc_ == Tsc::kHost,
                                     .loaded = StampTsc(),
                                     .ops = {ops.begin(), ops.end()}});
  return {};
}

void GuestCpu::NoteResults() {
  if (logged_) logged_.End(results());
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
