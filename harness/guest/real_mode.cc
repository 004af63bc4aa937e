// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/real_mode.h"

#include <cstring>

#include "harness/guest/image.h"

namespace kct {
namespace {

constexpr Gpa kFreeFrom{GUEST16_END_GPA};
constexpr Gpa kLastWord{(1 << 20) - 2};
constexpr std::size_t kMostOps =
    (GUEST16_STACK_TOP - GUEST16_OPS_GPA - guest::kPageSize) / sizeof(guest::Op16) - 1;

// Where Intel CPUs without "unrestricted guest" keep what they emulate real mode with: 3 pages
// below the BIOS. Other CPUs take note and ignore it.
constexpr unsigned long kTssAddress = 0xfffb'd000;

}  // namespace

RealModeProgram& RealModeProgram::Append(uint16_t code, Gpa gpa, uint16_t value) {
  KCT_CHECK(gpa >= kFreeFrom && gpa <= kLastWord);
  ops_.push_back({.code = code,
                  .segment = static_cast<uint16_t>(gpa.value >> 4),
                  .offset = static_cast<uint16_t>(gpa.value & 0xf),
                  .value = value});
  return *this;
}

RealModeProgram& RealModeProgram::Read16(Gpa gpa) { return Append(GUEST16_READ, gpa, 0); }
RealModeProgram& RealModeProgram::Write16(Gpa gpa, uint16_t value) {
  return Append(GUEST16_WRITE, gpa, value);
}
RealModeProgram& RealModeProgram::Touch(GpaRange range) {
  for (Gpa gpa = range.start; gpa < range.end(); gpa = gpa + kPage) Read16(gpa);
  return *this;
}

Result<RealModeCpu> RealModeCpu::Create(Vm& vm) {
  KCT_TRY(Memslot slot, vm.AddMemslot({.gpa = {0}, .size = {GUEST16_END_GPA}}));
  const auto call = IssueNumber(vm.fd(), KVM_SET_TSS_ADDR, kTssAddress);
  if (!call.ok()) return MakeError("KVM_SET_TSS_ADDR: {}", call.error.Explain());
  KCT_TRY(Vcpu vcpu, vm.AddVcpu());
  const auto image = RealModeImage();
  KCT_CHECK(image.size() <= GUEST16_OPS_GPA - GUEST16_IMAGE_GPA);
  std::memcpy(static_cast<char*>(slot.memory().data()) + GUEST16_IMAGE_GPA, image.data(),
              image.size());
  RealModeCpu cpu(std::move(vcpu), std::make_unique<Memslot>(std::move(slot)));
  KCT_TRY_STATUS(cpu.Load(RealModeProgram()));
  return cpu;
}

volatile guest::Op16& RealModeCpu::OpAt(std::size_t index) const {
  return slot_->memory().At<guest::Op16>({GUEST16_OPS_GPA + index * sizeof(guest::Op16)});
}

Status RealModeCpu::Load(const RealModeProgram& program) {
  const auto& ops = program.ops();
  if (ops.size() > kMostOps) {
    return MakeError("a real mode program of {} operations; at most {} are possible", ops.size(),
                     kMostOps);
  }
  KCT_TRY_STATUS(DropPendingExit());
  KCT_TRY(kvm_sregs sregs, vcpu().GetSregs());
  for (kvm_segment* segment : {&sregs.cs, &sregs.ds, &sregs.es, &sregs.ss}) {
    segment->base = 0;
    segment->selector = 0;
  }
  KCT_TRY_STATUS(vcpu().SetSregs(sregs));
  kvm_regs regs = {};
  regs.rip = GUEST16_IMAGE_GPA;
  regs.rsp = GUEST16_STACK_TOP;
  regs.rflags = 2;  // the bit that is always 1; interrupts off
  KCT_TRY_STATUS(vcpu().SetRegs(regs));
  for (std::size_t i = 0; i < ops.size(); ++i) {
    OpAt(i).code = ops[i].code;
    OpAt(i).segment = ops[i].segment;
    OpAt(i).offset = ops[i].offset;
    OpAt(i).value = ops[i].value;
  }
  OpAt(ops.size()).code = GUEST16_END;
  return {};
}

uint16_t RealModeCpu::value(std::size_t index) const {
  KCT_CHECK(index < kMostOps);
  return OpAt(index).value;
}

}  // namespace kct
