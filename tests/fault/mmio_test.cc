// SPDX-License-Identifier: GPL-2.0-only
// Accesses that leave the guest for user space, and how they are finished.
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultMmio : public VmTest<> {};
class FaultReadonly : public VmTest<Need::kReadonlyMem> {};
class FaultCompletion : public VmTest<> {};

// An access to where no slot is leaves with its address, its width and, for a store, its bytes.
KCT_TEST(FaultMmio, NamesAddressWidthAndBytes, "RUN-08") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program()
                               .Write32(kAway + Bytes{4}, 0x5566'7788)
                               .Write8(kAway, 0x12)
                               .Read16(kAway + Bytes{2})));

  GuestExit guest_exit = scene.cpu.Run();
  EXPECT_THAT(guest_exit, IsMmioWrite(kAway + Bytes{4}, 0x5566'7788u));
  EXPECT_EQ(guest_exit.mmio.size, 4u);
  guest_exit = scene.cpu.Run();
  EXPECT_THAT(guest_exit, IsMmioWrite(kAway, 0x12u));
  EXPECT_EQ(guest_exit.mmio.size, 1u);
  guest_exit = scene.cpu.Run();
  ASSERT_THAT(guest_exit, IsMmioRead(kAway + Bytes{2}));
  EXPECT_EQ(guest_exit.mmio.size, 2u);

  scene.cpu.AnswerMmio(0xabcd);
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(2).value, 0xabcdu);
}

// A read-only slot is read and executed as memory; a store leaves and changes nothing.
KCT_TEST(FaultReadonly, OnlyStoresLeave, "RUN-09", "MEMSLOT-05") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 1, .flags = KVM_MEM_READONLY}));
  scene.Word() = guest::FunctionReturning(7);
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Execute(kHome).Write64(kHome, 9)));

  EXPECT_THAT(scene.cpu.Run(), IsMmioWrite(kHome, 9u));
  EXPECT_THAT(scene.cpu.Run(), IsDone());

  EXPECT_EQ(scene.cpu.result(0).value, guest::FunctionReturning(7));
  EXPECT_EQ(scene.cpu.result(1).value, 7u);
  EXPECT_EQ(scene.Word(), guest::FunctionReturning(7));
}

// One KVM_RUN that is not to enter the guest.
GuestExit RunWithImmediateExit(GuestCpu& cpu) {
  cpu.vcpu().run().immediate_exit = 1;
  const GuestExit guest_exit = cpu.Run();
  cpu.vcpu().run().immediate_exit = 0;
  return guest_exit;
}

// A load that waits for its answer gets it from a KVM_RUN that does not enter the guest: what
// kvm_run says later does not count.
KCT_TEST(FaultCompletion, OfALoadNeedsNoEntry, "RUN-11") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Read64(kAway)));
  ASSERT_THAT(scene.cpu.Run(), IsMmioRead(kAway));
  scene.cpu.AnswerMmio(kValue);

  EXPECT_THAT(RunWithImmediateExit(scene.cpu).call, FailsWith(EINTR));

  *reinterpret_cast<volatile uint64_t*>(scene.cpu.vcpu().run().mmio.data) = 0xbad;
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, kValue);
}

// So does an IN.
KCT_TEST(FaultCompletion, OfAnInNeedsNoEntry, "RUN-11") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().In(1)));
  ASSERT_EQ(scene.cpu.Run().kind, ExitKind::kIo);
  scene.cpu.AnswerIo(0x1234'5678);

  EXPECT_THAT(RunWithImmediateExit(scene.cpu).call, FailsWith(EINTR));

  kvm_run& run = scene.cpu.vcpu().run();
  *reinterpret_cast<volatile uint32_t*>(reinterpret_cast<char*>(&run) + run.io.data_offset) = 0xbad;
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, 0x1234'5678u);
}

// An instruction that leaves twice goes as far as its next exit.
KCT_TEST(FaultCompletion, GoesOnToTheNextExitOfTheInstruction, "RUN-11") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Move(kAway + kPage, kAway, {8})));
  ASSERT_THAT(scene.cpu.Run(), IsMmioRead(kAway));
  scene.cpu.AnswerMmio(kValue);

  const GuestExit next = RunWithImmediateExit(scene.cpu);

  EXPECT_THAT(next.call, Succeeds());
  EXPECT_THAT(next, IsMmioWrite(kAway + kPage, kValue));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
}

}  // namespace
}  // namespace kct
