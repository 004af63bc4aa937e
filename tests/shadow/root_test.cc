// SPDX-License-Identifier: GPL-2.0-only
// Where CR3 points to.
#include "tests/shadow/stage.h"

namespace kct {
namespace {

class ShadowRoot : public VmTest<Need::kShadow, Need::kCpu> {};

constexpr Gpa kNowhere = 3_GiB_gpa;

// With CR3 at no memory the guest can do nothing, and that is a shutdown; with tables there it
// runs.
KCT_TEST(ShadowRoot, WithoutMemoryIsAShutdownOfTheGuest, "SHADOW-14") {
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  ASSERT_OK(stage.cpu.Load(Program().Read64(PageAt(kData))));
  const Vcpu& vcpu = stage.cpu.vcpu();
  ASSERT_OK_AND_ASSIGN(kvm_sregs sregs, vcpu.GetSregs());
  ASSERT_OK_AND_ASSIGN(const kvm_regs regs, vcpu.GetRegs());
  ASSERT_OK_AND_ASSIGN(const kvm_vcpu_events events, vcpu.GetEvents());
  const uint64_t root = std::exchange(sregs.cr3, kNowhere.value);
  ASSERT_OK(vcpu.SetSregs(sregs));

  const GuestExit guest_exit = stage.cpu.Run();

  EXPECT_THAT(guest_exit.call, Succeeds());
  EXPECT_EQ(guest_exit.kind, ExitKind::kShutdown) << guest_exit.ToString();

  ASSERT_OK_AND_ASSIGN(const Memslot tables, stage.vm.AddMemslot({.gpa = kNowhere, .size = kPage}));
  tables.memory().Word({0}) =
      HostWord(stage.machine.slot().hva() + Bytes{root - guest::kTablesGpa});
  ASSERT_OK(vcpu.SetSregs(sregs));
  ASSERT_OK(vcpu.SetRegs(regs));
  ASSERT_OK(vcpu.SetEvents(events));
  EXPECT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));
}

}  // namespace
}  // namespace kct
