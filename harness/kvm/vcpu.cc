// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm/vcpu.h"

#include "harness/kvm/statistic.h"

#include <cstring>

#include "harness/base/tape.h"

namespace kct {
namespace {

template <typename Arg>
Status ToStatus(const Call<Arg>& call, std::string_view name) {
  if (call.ok()) return {};
  return MakeError("{}: {}", name, call.error.Explain());
}

}  // namespace

KvmRunMemoryFault Vcpu::MemoryFault() const {
  KvmRunMemoryFault fault;
  std::memcpy(&fault, static_cast<const char*>(run_.data()) + kKvmRunExitUnionOffset, sizeof fault);
  return fault;
}

PreFaultCall Vcpu::PreFaultMemory(const kvm_pre_fault_memory& arg) const {
  const uint32_t before = run().exit_reason;
  const PreFaultCall call = Issue(fd(), KVM_PRE_FAULT_MEMORY, arg);
  if (!call.ok()) NoteOnTape({before, run().exit_reason});
  return call;
}

RunCall Vcpu::Run() const {
  const Call<unsigned long> call = IssueNumber(fd(), KVM_RUN, 0);
  return {.request = call.request,
          .ret = call.ret,
          .error = call.error,
          .begin = call.begin,
          .end = call.end};
}

Result<kvm_sregs> Vcpu::GetSregs() const {
  const auto call = Issue(fd(), KVM_GET_SREGS, kvm_sregs{});
  KCT_TRY_STATUS(ToStatus(call, "KVM_GET_SREGS"));
  return call.after;
}

Status Vcpu::SetSregs(const kvm_sregs& sregs) const {
  return ToStatus(Issue(fd(), KVM_SET_SREGS, sregs), "KVM_SET_SREGS");
}

Result<kvm_regs> Vcpu::GetRegs() const {
  const auto call = Issue(fd(), KVM_GET_REGS, kvm_regs{});
  KCT_TRY_STATUS(ToStatus(call, "KVM_GET_REGS"));
  return call.after;
}

Status Vcpu::SetRegs(const kvm_regs& regs) const {
  return ToStatus(Issue(fd(), KVM_SET_REGS, regs), "KVM_SET_REGS");
}

Result<kvm_vcpu_events> Vcpu::GetEvents() const {
  const auto call = Issue(fd(), KVM_GET_VCPU_EVENTS, kvm_vcpu_events{});
  KCT_TRY_STATUS(ToStatus(call, "KVM_GET_VCPU_EVENTS"));
  return call.after;
}

Status Vcpu::SetEvents(const kvm_vcpu_events& events) const {
  return ToStatus(Issue(fd(), KVM_SET_VCPU_EVENTS, events), "KVM_SET_VCPU_EVENTS");
}

PreFaultCall Vcpu::PreFault(GpaRange range) const {
  return PreFaultMemory({.gpa = range.start.value, .size = range.size.count});
}

PreFaultCall Vcpu::PreFaultAll(GpaRange range) const {
  PreFaultCall call = PreFault(range);
  while (call.ok() && call.after.size != 0 && call.after.size < call.before.size) {
    call = PreFaultMemory(call.after);
  }
  return call;
}

Status Vcpu::SetMode(Mode mode) const {
  kvm_vcpu_events events = {};
  events.flags = KVM_VCPUEVENT_VALID_SMM;
  events.smi.smm = mode == Mode::kSystemManagement;
  return SetEvents(events);
}

Result<uint64_t> Vcpu::Statistic(std::string_view name) const { return StatisticOf(fd(), name); }

}  // namespace kct
