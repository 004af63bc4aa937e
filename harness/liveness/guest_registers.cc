// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/guest_registers.h"

#include <fmt/format.h>

#include "harness/abi/backend.h"

namespace kct {
namespace {

constexpr uint64_t kCr0Pe = 1 << 0;
constexpr uint64_t kCr0Pg = 1ull << 31;
constexpr uint64_t kEferLma = 1 << 10;

std::string ModeOf(const kvm_sregs& sregs) {
  if ((sregs.cr0 & kCr0Pe) == 0) return "real mode";
  const std::string bits = (sregs.efer & kEferLma) != 0 && sregs.cs.l != 0 ? "64-bit"
                           : sregs.cs.db != 0                              ? "32-bit"
                                                                           : "16-bit";
  return bits + ((sregs.cr0 & kCr0Pg) != 0 ? " mode" : " mode, no paging");
}

// Empty: done.
template <typename Registers>
std::string Get(int vcpu_fd, unsigned long request, const char* name, Registers& registers) {
  const RawAnswer answer =
      KernelBackend().Ioctl(vcpu_fd, request, reinterpret_cast<uintptr_t>(&registers));
  return answer.ret < 0 ? fmt::format("not to be had: {}: {}", name, answer.error.Explain()) : "";
}

}  // namespace

GuestRegisters RegistersOf(int vcpu_fd) {
  kvm_regs regs = {};
  kvm_sregs sregs = {};
  std::string why = Get(vcpu_fd, KVM_GET_REGS, "KVM_GET_REGS", regs);
  if (why.empty()) why = Get(vcpu_fd, KVM_GET_SREGS, "KVM_GET_SREGS", sregs);
  if (!why.empty()) return {.lines = {why}};
  return {.lines = DescribeRegisters(regs, sregs), .derailed = IsDerailed(regs)};
}

bool IsDerailed(const kvm_regs& regs) { return regs.rip >> 63 != 0; }

std::vector<std::string> DescribeRegisters(const kvm_regs& regs, const kvm_sregs& sregs) {
  return {
      fmt::format("rip {:#x}  rsp {:#x}  rflags {:#x}  cr2 {:#x}  cr3 {:#x}  {}", regs.rip,
                  regs.rsp, regs.rflags, sregs.cr2, sregs.cr3, ModeOf(sregs)),
      fmt::format("rax {:#x}  rbx {:#x}  rcx {:#x}  rdx {:#x}  rsi {:#x}  rdi {:#x}  rbp {:#x}",
                  regs.rax, regs.rbx, regs.rcx, regs.rdx, regs.rsi, regs.rdi, regs.rbp),
      fmt::format(
          "r8 {:#x}  r9 {:#x}  r10 {:#x}  r11 {:#x}  r12 {:#x}  r13 {:#x}  r14 {:#x}  r15 {:#x}",
          regs.r8, regs.r9, regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15)};
}

}  // namespace kct
