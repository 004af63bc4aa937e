// SPDX-License-Identifier: GPL-2.0-only
// vCPUs without the slots they need, vCPUs that don't stop for an update, and other processes.
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/patience.h"
#include "harness/liveness/in_flight.h"
#include "harness/race/actor.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

using testing::AnyOf;

class MemslotVcpu : public VmTest<> {};
class MemslotInterrupt : public VmTest<Need::kCpu> {};
class MemslotNone : public VmTest<Need::kTdp> {};
class MemslotForeignProcess : public VmTest<> {};

// How long a guest may loop on purpose.
constexpr Duration kLongRun = 20s;

// A new vCPU of a VM without slots finds no first instruction: KVM gives up emulating it.
KCT_TEST(MemslotNone, WithoutAnySlotIsAnInternalError, "MEMSLOT-39") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Vcpu vcpu, vm.AddVcpu());

  const GuestExit guest_exit = Classify(vcpu.Run(), vcpu.run());

  EXPECT_THAT(guest_exit.call, Succeeds());
  EXPECT_THAT(guest_exit, IsInternalError(KVM_INTERNAL_ERROR_EMULATION));
}

// The guest in an endless loop, with interrupts on and its IDT where no slot is.
Result<GuestScene> GuestWithItsIdtAt(Gpa idt) {
  KCT_TRY(GuestScene scene, GuestScene::Make());
  KCT_TRY_STATUS(scene.cpu.Load(Program().SpinUntilFlag()));
  const Vcpu& vcpu = scene.cpu.vcpu();
  KCT_TRY(kvm_sregs sregs, vcpu.GetSregs());
  sregs.idt = {.base = idt.value, .limit = 0xfff};
  KCT_TRY_STATUS(vcpu.SetSregs(sregs));
  KCT_TRY(kvm_regs regs, vcpu.GetRegs());
  regs.rflags |= 1 << 9;  // IF
  KCT_TRY_STATUS(vcpu.SetRegs(regs));
  return scene;
}

// An exit that says that event `vector` could not be delivered, and names its gate in the fourth
// of five words.
void ExpectDeliveryFailure(const GuestExit& guest_exit, Gpa idt, uint32_t vector) {
  EXPECT_THAT(guest_exit.call, Succeeds());
  ASSERT_THAT(guest_exit, IsInternalError(KVM_INTERNAL_ERROR_DELIVERY_EV));
  ASSERT_EQ(guest_exit.internal_error.data.size(), 5u);
  const Gpa gate = idt + Bytes{vector * 16};
  EXPECT_EQ(guest_exit.internal_error.data[3] & ~uint64_t{15}, gate.value);
}

// A non-maskable interrupt whose gate no slot holds can't be delivered.
KCT_TEST(MemslotInterrupt, AnNmiThroughMmioNamesTheGpa, "MEMSLOT-40") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestWithItsIdtAt(2_GiB_gpa));
  ASSERT_THAT(IssueNumber(scene.cpu.vcpu().fd(), KVM_NMI, 0), Succeeds());

  const GuestExit guest_exit = scene.cpu.Run();

  ExpectDeliveryFailure(guest_exit, 2_GiB_gpa, 2);
}

// Nor can an interrupt, which differs from the former in how the hardware reports it.
KCT_TEST(MemslotInterrupt, AnInterruptThroughMmioNamesTheGpa, "MEMSLOT-47") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestWithItsIdtAt(2_GiB_gpa));
  const kvm_interrupt interrupt{.irq = 0x20};
  ASSERT_THAT(IssueAt(scene.cpu.vcpu().fd(), KVM_INTERRUPT, &interrupt), Succeeds());

  const GuestExit guest_exit = scene.cpu.Run();

  ExpectDeliveryFailure(guest_exit, 2_GiB_gpa, 0x20);
}

// Deletes `slot` while the guest of `cpu` loops, which it lives on; KVM_RUN must end with an exit.
void ExpectExitAfterLosing(GuestCpu& cpu, const Memslot& slot) {
  GuestExit guest_exit;
  Actor run("run");
  run.Start([&] { return (guest_exit = cpu.Run()).call.Record(); });
  ASSERT_REACHED(cpu.WaitUntilProgress(GiveUpAfter(5s)), "the guest loops");

  EXPECT_THAT(slot.Delete(), Succeeds());

  EXPECT_THAT(run.Finish(), Succeeds());
  EXPECT_THAT(guest_exit.kind,
              AnyOf(ExitKind::kShutdown, ExitKind::kInternalError, ExitKind::kMmio))
      << guest_exit.ToString();
}

// Deleting the slot that a running guest's code is in ends its run with an exit.
KCT_TEST(MemslotVcpu, LosingItsCodeIsAnExit, "MEMSLOT-41", "MEMSLOT-27") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Plant(kHome, 7).LoopStart().Execute(kHome).RepeatUntilFlag()));

  ExpectExitAfterLosing(scene.cpu, scene.slot);
}

// So does deleting the one that its page tables, its IDT and its stack are in as well.
KCT_TEST(MemslotVcpu, LosingItsPageTablesIsAnExit, "MEMSLOT-48") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().SpinUntilFlag()));

  ExpectExitAfterLosing(scene.cpu, scene.machine.slot());
}

// Creating, re-flagging, moving and deleting a slot takes no exit of a vCPU that runs: it loops on
// in the guest.
KCT_TEST(MemslotVcpu, NeedNotExitForAnUpdate, "MEMSLOT-37") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  const GuestCpu& looping = scene.cpu;
  ASSERT_OK(scene.cpu.Load(Program().SpinUntilFlag()));
  Actor run("run");
  run.Start([&] {
    ScopedBudget budget(kLongRun);
    return scene.cpu.Run().call.Record();
  });
  ASSERT_REACHED(looping.WaitUntilProgress(GiveUpAfter(5s)), "the guest loops");

  EXPECT_THAT(scene.slot.SetFlags(KVM_MEM_LOG_DIRTY_PAGES), Succeeds());
  EXPECT_THAT(scene.slot.MoveTo(2_GiB_gpa), Succeeds());
  EXPECT_THAT(scene.slot.Delete(), Succeeds());
  EXPECT_THAT(scene.slot.Restore(), Succeeds());

  EXPECT_TRUE(looping.WaitUntilProgress(GiveUpAfter(5s))) << "the guest loops no more";
  EXPECT_FALSE(run.Done()) << "KVM_RUN came back";
  scene.cpu.RaiseFlag();
  EXPECT_THAT(run.Finish(), Succeeds());
}

// Makes the call in a child process and brings its answer back.
Result<CallRecord> InForeignProcess(const std::function<CallRecord()>& call) {
  int ends[2];
  if (pipe(ends) != 0) return MakeError("pipe: {}", LastErrno().Explain());
  UniqueFd to_read(ends[0]), to_write(ends[1]);
  const pid_t child = fork();
  if (child < 0) return MakeError("fork: {}", LastErrno().Explain());
  if (child == 0) {
    const CallRecord answer = call();
    _exit(write(to_write.get(), &answer, sizeof answer) == sizeof answer ? 0 : 1);
  }
  to_write.Reset();
  CallRecord answer;
  const bool whole = read(to_read.get(), &answer, sizeof answer) == sizeof answer;
  waitpid(child, nullptr, 0);
  if (!whole) return MakeError("the child process ended without an answer");
  return answer;
}

// VM and vCPU ioctls from a process that does not share the creator's memory are EIO, the harmless
// ones included, and leave the VM as it is.
KCT_TEST(MemslotForeignProcess, GetsEio, "MEMSLOT-42") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Vcpu vcpu, vm.AddVcpu());
  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));

  ASSERT_OK_AND_ASSIGN(CallRecord remove, InForeignProcess([&] { return slot.Delete(); }));
  EXPECT_THAT(remove, FailsWith(EIO));
  ASSERT_OK_AND_ASSIGN(CallRecord check, InForeignProcess([&] {
                         return IssueNumber(vm.fd(), KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
                       }));
  EXPECT_THAT(check, FailsWith(EIO));
  ASSERT_OK_AND_ASSIGN(CallRecord run, InForeignProcess([&] { return vcpu.Run(); }));
  EXPECT_THAT(run, FailsWith(EIO));

  EXPECT_THAT(TryPageAt(vm, kHome), FailsWith(EEXIST));
  EXPECT_THAT(slot.Delete(), Succeeds());
}

}  // namespace
}  // namespace kct
