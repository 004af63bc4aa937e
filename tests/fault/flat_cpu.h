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
    KCT_TRY_STATUS(vcpu.SetSregs(Flat(sregs, privilege)));
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

  static kvm_sregs Flat(kvm_sregs sregs, int privilege) {
    constexpr uint8_t kCode = 0xb, kData = 0x3;
    constexpr uint64_t kProtectedMode = 1 << 0;
    sregs.cr0 |= kProtectedMode;
    const auto segment = [&](uint16_t selector, uint8_t type) {
      kvm_segment flat = {};
      flat.limit = 0xffff'ffff;
      flat.selector = static_cast<uint16_t>(selector | privilege);
      flat.type = type;
      flat.present = flat.s = flat.g = flat.db = 1;
      flat.dpl = static_cast<uint8_t>(privilege);
      return flat;
    };
    sregs.cs = segment(0x08, kCode);
    sregs.ds = sregs.es = sregs.ss = segment(0x10, kData);
    return sregs;
  }
};

}  // namespace kct
