// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/guest_registers.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "harness/base/unique_fd.h"

namespace kct {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr kvm_regs kRegs{
    .rax = 0x1, .rdi = 0x180000, .rsp = 0x18ffc8, .r15 = 0xf, .rip = 0x1402f0, .rflags = 0x10002};

kvm_sregs LongMode() {
  kvm_sregs sregs = {};
  sregs.cs.l = 1;
  sregs.cr0 = 0x80000011;
  sregs.cr2 = 0x102018;
  sregs.cr3 = 0x102000;
  sregs.efer = 0x500;
  return sregs;
}

std::string FirstLine(const kvm_sregs& sregs) { return DescribeRegisters(kRegs, sregs).front(); }

TEST(GuestRegisters, SayWhereTheGuestWas) {
  EXPECT_THAT(
      DescribeRegisters(kRegs, LongMode()),
      ElementsAre("rip 0x1402f0  rsp 0x18ffc8  rflags 0x10002  cr2 0x102018  cr3 0x102000  "
                  "64-bit mode",
                  AllOf(HasSubstr("rax 0x1 "), HasSubstr("rdi 0x180000 ")), HasSubstr("r15 0xf")));
}

TEST(GuestRegisters, TellTheModes) {
  kvm_sregs sregs = LongMode();
  sregs.cs.l = 0;
  sregs.cs.db = 1;
  EXPECT_THAT(FirstLine(sregs), HasSubstr("  32-bit mode"));
  sregs.cr0 = 0x11;
  EXPECT_THAT(FirstLine(sregs), HasSubstr("  32-bit mode, no paging"));
  sregs.cs.db = 0;
  EXPECT_THAT(FirstLine(sregs), HasSubstr("  16-bit mode, no paging"));
  sregs.cr0 = 0x10;
  EXPECT_THAT(FirstLine(sregs), HasSubstr("  real mode"));
}

TEST(GuestRegisters, TellAGuestThatRunsWhereTheKernelOfItsHostIs) {
  EXPECT_FALSE(IsDerailed(kRegs));
  kvm_regs regs = kRegs;
  regs.rip = 0xffffffffc089dfcc;
  EXPECT_TRUE(IsDerailed(regs));
}

TEST(GuestRegisters, SayWhyThereAreNone) {
  const UniqueFd no_vcpu(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_THAT(RegistersOf(no_vcpu.get()).lines,
              ElementsAre(HasSubstr("not to be had: KVM_GET_REGS: ENOTTY")));
}

}  // namespace
}  // namespace kct
