// SPDX-License-Identifier: GPL-2.0-only
// FlatCpu: a vCPU that runs a few bytes of 32-bit code, with paging off, at a privilege level of
// the test's choice. Ports are open to it.
//
//   ASSERT_OK_AND_ASSIGN(FlatCpu cpu, FlatCpu::At(scene, kHome, 3, {.rax = 12}));
//   cpu.Run();   // leaves the guest at its OUT
//   cpu.Rax();
#pragma once

#include <cpuid.h>

#include "harness/testing/guest_scene.h"

namespace kct {

class FlatCpu : public VcpuRunner {
 public:
  // The code: the hypercall instruction of this CPU's vendor, then OUT to port 1.
  static Result<FlatCpu> WithHypercall(GuestScene& scene, int privilege, kvm_regs regs) {
    KCT_TRY(Vcpu vcpu, scene.vm.AddVcpu());
    const uint64_t code = (IsAmd() ? 0xd9'01'0f : 0xc1'01'0f) | uint64_t{0x01'e6} << 24;
    scene.Word() = code;
    KCT_TRY(const kvm_sregs sregs, vcpu.GetSregs());
    KCT_TRY_STATUS(vcpu.SetSregs(FlatSregs(sregs, privilege)));
    constexpr uint64_t kAlwaysOne = 1 << 1, kPortsAreOpen = 3 << 12;
    regs.rip = kHome.value;
    regs.rflags = kAlwaysOne | kPortsAreOpen;
    KCT_TRY_STATUS(vcpu.SetRegs(regs));
    return FlatCpu(std::move(vcpu));
  }

  // All 64 bits of RAX.
  Result<uint64_t> Rax() const {
    KCT_TRY(const kvm_regs regs, vcpu().GetRegs());
    return uint64_t{regs.rax};
  }

 private:
  explicit FlatCpu(Vcpu vcpu) : VcpuRunner(std::move(vcpu)) {}

  static bool IsAmd() {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    __get_cpuid(0, &eax, &ebx, &ecx, &edx);
    return ebx == signature_AMD_ebx;
  }
};

}  // namespace kct
