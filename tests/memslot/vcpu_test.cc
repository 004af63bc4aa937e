// SPDX-License-Identifier: GPL-2.0-only
// vCPUs without the slots they need, vCPUs that don't stop for an update, and other processes.
#include <sys/wait.h>
#include <unistd.h>

#include "harness/guest/machine.h"
#include "harness/liveness/in_flight.h"
#include "harness/race/actor.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/memslot/exits.h"
#include "tests/memslot/region.h"

namespace kct {
namespace {

using testing::AnyOf;

class MemslotVcpu : public VmTest<> {};
class MemslotForeignProcess : public VmTest<> {};

// How long a guest may loop on purpose.
constexpr Duration kLongRun = 20s;

// A new vCPU of a VM without slots finds no first instruction: KVM gives up emulating it.
KCT_TEST(MemslotVcpu, WithoutAnySlotIsAnInternalError, "MEMSLOT-39") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(Vcpu vcpu, vm.AddVcpu());

  const GuestExit guest_exit = Classify(vcpu.Run(), vcpu.run());

  EXPECT_THAT(guest_exit.call, Succeeds());
  EXPECT_EQ(guest_exit.kind, ExitKind::kInternalError) << guest_exit.ToString();
  EXPECT_EQ(guest_exit.internal_error.suberror, uint32_t{KVM_INTERNAL_ERROR_EMULATION});
}

// Makes the next entry of `cpu` deliver interrupt `vector` through an IDT at `idt`.
Status InterruptThroughIdtAt(const GuestCpu& cpu, Gpa idt, uint32_t vector) {
  KCT_TRY(kvm_sregs sregs, cpu.vcpu().GetSregs());
  sregs.idt = {.base = idt.value, .limit = 0xfff};
  KCT_TRY_STATUS(cpu.vcpu().SetSregs(sregs));
  KCT_TRY(kvm_regs regs, cpu.vcpu().GetRegs());
  regs.rflags |= 1 << 9;  // IF: interrupts on
  KCT_TRY_STATUS(cpu.vcpu().SetRegs(regs));
  const kvm_interrupt interrupt{.irq = vector};
  const auto call = IssueAt(cpu.vcpu().fd(), KVM_INTERRUPT, &interrupt);
  if (!call.ok()) return MakeError("KVM_INTERRUPT: {}", call.error.Explain());
  return {};
}

// An interrupt whose gate no slot holds can't be delivered, and user space learns which GPA that
// was: fourth of five words, on the gate.
KCT_TEST(MemslotVcpu, AnIdtInMmioIsNamedByItsGpa, "MEMSLOT-40") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(GuestMachine machine, GuestMachine::Create(vm));
  ASSERT_OK_AND_ASSIGN(GuestCpu cpu, machine.AddCpu());
  ASSERT_OK(cpu.Load(Program().SpinUntilFlag()));
  ASSERT_OK(InterruptThroughIdtAt(cpu, kHome, 0x20));

  const GuestExit guest_exit = cpu.Run();

  EXPECT_THAT(guest_exit.call, Succeeds());
  ASSERT_EQ(guest_exit.kind, ExitKind::kInternalError) << guest_exit.ToString();
  EXPECT_EQ(guest_exit.internal_error.suberror, uint32_t{KVM_INTERNAL_ERROR_DELIVERY_EV});
  ASSERT_EQ(guest_exit.internal_error.data.size(), 5u);
  EXPECT_EQ(guest_exit.internal_error.data[3] & ~uint64_t{15}, (kHome + Bytes{0x20 * 16}).value);
}

// Deleting the slot that a running guest's code, tables and stack are in ends its run with an
// exit.
KCT_TEST(MemslotVcpu, LosingItsCodeIsAnExit, "MEMSLOT-41", "MEMSLOT-27") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(GuestMachine machine, GuestMachine::Create(vm));
  ASSERT_OK_AND_ASSIGN(GuestCpu cpu, machine.AddCpu());
  ASSERT_OK(cpu.Load(Program().SpinUntilFlag()));
  GuestExit guest_exit;
  Actor run("run");
  run.Start([&] { return (guest_exit = cpu.Run()).call.Record(); });
  ASSERT_REACHED(cpu.WaitUntilProgress(Clock::now() + 5s), "the guest loops");

  EXPECT_THAT(machine.slot().Delete(), Succeeds());

  EXPECT_THAT(run.Finish(), Succeeds());
  EXPECT_THAT(guest_exit.kind,
              AnyOf(ExitKind::kShutdown, ExitKind::kInternalError, ExitKind::kMmio))
      << guest_exit.ToString();
}

// Creating, re-flagging, moving and deleting a slot takes no exit of a vCPU that runs: it loops on
// in the guest.
KCT_TEST(MemslotVcpu, NeedNotExitForAnUpdate, "MEMSLOT-37") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(GuestMachine machine, GuestMachine::Create(vm));
  ASSERT_OK_AND_ASSIGN(GuestCpu cpu, machine.AddCpu());
  ASSERT_OK(cpu.Load(Program().SpinUntilFlag()));
  Actor run("run");
  run.Start([&] {
    ScopedBudget budget(kLongRun);
    return cpu.Run().call.Record();
  });
  ASSERT_REACHED(cpu.WaitUntilProgress(Clock::now() + 5s), "the guest loops");

  ASSERT_OK_AND_ASSIGN(Memslot slot, vm.AddMemslot({.gpa = kHome, .size = Pages(4)}));
  EXPECT_THAT(slot.SetFlags(KVM_MEM_LOG_DIRTY_PAGES), Succeeds());
  EXPECT_THAT(slot.MoveTo(2_GiB_gpa), Succeeds());
  EXPECT_THAT(slot.Delete(), Succeeds());

  EXPECT_TRUE(cpu.WaitUntilProgress(Clock::now() + 5s)) << "the guest loops no more";
  EXPECT_FALSE(run.Done()) << run.Finish().ToString();
  cpu.RaiseFlag();
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
