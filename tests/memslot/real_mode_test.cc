// SPDX-License-Identifier: GPL-2.0-only
// What a 16-bit guest sees of its slots, for machines whose KVM has no two-dimensional paging: all
// that a KVM must be able to do there is real mode.
#include "harness/guest/real_mode.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class MemslotRealMode : public VmTest<Need::kShadow, Need::kCpu> {};

constexpr Gpa kLow{0x20000};  // within the first MiB, beyond the payload
constexpr uint16_t kMark = 0x4b43;

// A guest in real mode reads what the host wrote into its slot, and the host what the guest did.
KCT_TEST(MemslotRealMode, SharesMemoryWithTheHost, "MEMSLOT-01") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(RealModeCpu cpu, RealModeCpu::Create(vm));
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kLow, .size = Pages(2)}));
  slot.memory().At<uint16_t>({0}) = kMark;

  ASSERT_OK(cpu.Load(RealModeProgram().Read16(kLow).Write16(kLow + kPage, kMark + 1)));
  ASSERT_THAT(cpu.RunUntilDone(), IsDone());

  EXPECT_EQ(cpu.value(0), kMark);
  EXPECT_EQ(slot.memory().At<uint16_t>(kPage), kMark + 1);
}

// Once its slot is deleted, the same access is an MMIO exit.
KCT_TEST(MemslotRealMode, LosesADeletedSlot, "MEMSLOT-28") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(RealModeCpu cpu, RealModeCpu::Create(vm));
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kLow, .size = kPage}));
  ASSERT_OK(cpu.Load(RealModeProgram().Read16(kLow)));
  ASSERT_THAT(cpu.RunUntilDone(), IsDone());

  ASSERT_THAT(slot.Delete(), Succeeds());

  ASSERT_OK(cpu.Load(RealModeProgram().Read16(kLow)));
  EXPECT_THAT(cpu.Run(), IsMmioRead(kLow));
}

}  // namespace
}  // namespace kct
