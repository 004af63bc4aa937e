// SPDX-License-Identifier: GPL-2.0-only
// Exits from the guest and their answers; the 16-bit payload.
#include <array>
#include <cstring>

#include "harness/guest/real_mode.h"
#include "harness/guest/selfcheck/selfcheck.h"

namespace kct::selfcheck {
namespace {

constexpr Gpa kNoSlot = 3_GiB_gpa;
constexpr uint16_t kPort = 0x510;

Status MmioReadGetsTheAnswer() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(scene->cpu.Load(Program().Read64(kNoSlot).Read16(kNoSlot + Bytes{4})));
  GuestExit guest_exit = scene->cpu.Run();
  KCT_TRY_STATUS(Ended(guest_exit, ExitKind::kMmio));
  KCT_TRY_STATUS(Same("the GPA", guest_exit.mmio.gpa.value, kNoSlot.value));
  KCT_TRY_STATUS(Same("the size", guest_exit.mmio.size, 8));
  KCT_TRY_STATUS(Same("a read", guest_exit.mmio.direction == Direction::kRead, 1));
  scene->cpu.AnswerMmio(0xabcdef0123456789);
  guest_exit = scene->cpu.Run();
  KCT_TRY_STATUS(Ended(guest_exit, ExitKind::kMmio));
  KCT_TRY_STATUS(Same("the size of the second", guest_exit.mmio.size, 2));
  scene->cpu.AnswerMmio(0x1234);
  KCT_TRY_STATUS(Ended(scene->cpu.Run(), ExitKind::kDone));
  KCT_TRY_STATUS(Same("the first value", scene->cpu.result(0).value, 0xabcdef0123456789));
  return Same("the second value", scene->cpu.result(1).value, 0x1234);
}

Status MmioWriteShowsTheData() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(scene->cpu.Load(Program().Write32(kNoSlot, 0xcafe0001)));
  const GuestExit guest_exit = scene->cpu.Run();
  KCT_TRY_STATUS(Ended(guest_exit, ExitKind::kMmio));
  KCT_TRY_STATUS(Same("a write", guest_exit.mmio.direction == Direction::kWrite, 1));
  KCT_TRY_STATUS(Same("its data", guest_exit.mmio.data, 0xcafe0001));
  return Ended(scene->cpu.Run(), ExitKind::kDone);
}

Status OtherAccessesToMmioWork() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(scene->cpu.Load(Program()
                                     .Move(scene->gpa(), kNoSlot, {32})
                                     .Touch({kNoSlot, Pages(2)})
                                     .CompareAndSwap(kNoSlot, 7, 8)
                                     .AtomicAdd(kNoSlot, 1)));
  const GuestExit guest_exit = scene->cpu.RunUntilDone([&](const GuestExit& seen) {
    if (seen.kind != ExitKind::kMmio) return VcpuRunner::Then::kStop;
    if (seen.mmio.direction == Direction::kRead) scene->cpu.AnswerMmio(7);
    return VcpuRunner::Then::kRunOn;
  });
  KCT_TRY_STATUS(Ended(guest_exit, ExitKind::kDone));
  for (uint64_t i = 0; i < 4; ++i) KCT_TRY_STATUS(Same("a word", scene->Word({i * 8}), 7));
  for (std::size_t i = 0; i < 4; ++i) KCT_TRY_STATUS(IsOk(scene->cpu.result(i)));
  return Same("the value touched", scene->cpu.result(1).value, 7);
}

Status PortsCarryWords() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(scene->cpu.Load(Program().Out(kPort, 0x12345678).In(kPort, 2)));
  GuestExit guest_exit = scene->cpu.Run();
  KCT_TRY_STATUS(Ended(guest_exit, ExitKind::kIo));
  KCT_TRY_STATUS(Same("the port", guest_exit.io.port, kPort));
  uint32_t written = 0;
  std::memcpy(&written, guest_exit.io.data.data(), sizeof written);
  KCT_TRY_STATUS(Same("the word written", written, 0x12345678));
  KCT_TRY_STATUS(Ended(scene->cpu.Run(), ExitKind::kIo));
  scene->cpu.AnswerIo(0xbeef);
  KCT_TRY_STATUS(Ended(scene->cpu.Run(), ExitKind::kDone));
  return Same("the word read", scene->cpu.result(1).value, 0xbeef);
}

Status StringsMoveMemoryThroughPorts() {
  KCT_TRY(const auto scene, Scene::Create());
  scene->Word({0}) = 0x0807060504030201;
  KCT_TRY_STATUS(scene->cpu.Load(Program()
                                     .OutString(kPort, scene->gpa(), {8})
                                     .InString(kPort, scene->gpa() + Pages(1), {8}, 4)));
  std::vector<std::byte> written;
  const GuestExit guest_exit = scene->cpu.RunUntilDone([&](const GuestExit& seen) {
    if (seen.kind != ExitKind::kIo) return VcpuRunner::Then::kStop;
    written.insert(written.end(), seen.io.data.begin(), seen.io.data.end());
    if (seen.io.direction == Direction::kRead) scene->cpu.AnswerIo(0x11223344);
    return VcpuRunner::Then::kRunOn;
  });
  KCT_TRY_STATUS(Ended(guest_exit, ExitKind::kDone));
  KCT_TRY_STATUS(Same("bytes written", written.size(), 8));
  uint64_t word = 0;
  std::memcpy(&word, written.data(), sizeof word);
  KCT_TRY_STATUS(Same("what was written", word, 0x0807060504030201));
  return Same("what was read", scene->Word(Pages(1)), 0x1122334411223344);
}

Status HaltLeavesAndGoesOn() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(scene->cpu.Load(Program().Halt().Write64(scene->gpa(), 1)));
  KCT_TRY_STATUS(Ended(scene->cpu.Run(), ExitKind::kHalt));
  KCT_TRY_STATUS(Same("the word meanwhile", scene->Word({0}), 0));
  KCT_TRY_STATUS(Ended(scene->cpu.Run(), ExitKind::kDone));
  return Same("the word", scene->Word({0}), 1);
}

Status HypercallIsAnswered() {
  KCT_TRY(const auto scene, Scene::Create());
  constexpr uint64_t kNoSuchHypercall = 4242;
  constexpr int64_t kEnosys = -1000;
  KCT_TRY_STATUS(scene->RunToEnd(Program().Hypercall(kNoSuchHypercall)));
  KCT_TRY_STATUS(IsOk(scene->cpu.result(0)));
  return Same("KVM's answer", scene->cpu.result(0).value, static_cast<uint64_t>(kEnosys));
}

Status TripleFaultIsAShutdown() {
  KCT_TRY(const auto scene, Scene::Create());
  scene->Word({0}) = 0x0b0f;  // ud2
  const GpaRange idt{{guest::kTablesGpa + guest::kPageSize}, {512}};
  KCT_TRY_STATUS(scene->cpu.Load(Program().Fill(idt, 0).Execute(scene->gpa())));
  KCT_TRY_STATUS(Ended(scene->cpu.Run(), ExitKind::kShutdown));
  return scene->RunToEnd(Program().Stamp());
}

Status LoadThrowsAwayAnUnfinishedRead() {
  KCT_TRY(const auto scene, Scene::Create());
  for (int i = 0; i < 3; ++i) {
    KCT_TRY_STATUS(scene->cpu.Load(Program().Move(scene->gpa(), kNoSlot, {1024})));
    KCT_TRY_STATUS(Ended(scene->cpu.Run(), ExitKind::kMmio));
    KCT_TRY_STATUS(scene->RunToEnd(Program().Write64(scene->gpa() + Pages(1), 1)));
    KCT_TRY_STATUS(IsOk(scene->cpu.result(0)));
  }
  return {};
}

Status ImmediateExitIsAnInterruption() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(scene->cpu.Load(Program().Stamp()));
  scene->cpu.vcpu().run().immediate_exit = 1;
  KCT_TRY_STATUS(Ended(scene->cpu.Run(), ExitKind::kInterrupted));
  scene->cpu.vcpu().run().immediate_exit = 0;
  return Ended(scene->cpu.Run(), ExitKind::kDone);
}

Status RealModeReadsAndWrites() {
  KCT_TRY(Vm vm, Vm::Create());
  KCT_TRY(RealModeCpu cpu, RealModeCpu::Create(vm));
  KCT_TRY(Memslot slot, vm.AddMemslot({.gpa = {0x20000}, .size = Pages(4)}));
  slot.memory().At<uint16_t>(Pages(3)) = 0x4321;
  for (int i = 0; i < 2; ++i) {
    KCT_TRY_STATUS(cpu.Load(RealModeProgram()
                                .Write16(slot.gpa() + Bytes{2}, 0x1234)
                                .Read16({0xffffe - 0x40000})
                                .Touch(slot.range())));
    const GuestExit guest_exit = cpu.RunUntilDone([&](const GuestExit& seen) {
      if (seen.kind != ExitKind::kMmio) return VcpuRunner::Then::kStop;
      cpu.AnswerMmio(0x9999);
      return VcpuRunner::Then::kRunOn;
    });
    KCT_TRY_STATUS(Ended(guest_exit, ExitKind::kDone));
    KCT_TRY_STATUS(Same("the word written", slot.memory().At<uint16_t>({2}), 0x1234));
    KCT_TRY_STATUS(Same("the word from no slot", cpu.value(1), 0x9999));
    KCT_TRY_STATUS(Same("the word of the last page", cpu.value(5), 0x4321));
  }
  return Ended(cpu.Run(), ExitKind::kHalt);
}

}  // namespace

std::span<const Check> ExitChecks() {
  static constexpr std::array kChecks{
      Check{"MMIO: a read gets the answer", MmioReadGetsTheAnswer},
      Check{"MMIO: a write shows its data", MmioWriteShowsTheData},
      Check{"MMIO: move, touch, compare-and-swap, atomic-add", OtherAccessesToMmioWork},
      Check{"out, in: carry words", PortsCarryWords},
      Check{"out-string, in-string: memory through ports", StringsMoveMemoryThroughPorts},
      Check{"halt: leaves and goes on", HaltLeavesAndGoesOn},
      Check{"hypercall: is answered", HypercallIsAnswered},
      Check{"triple fault: a shutdown, and Load starts again", TripleFaultIsAShutdown, Wants::kCpu},
      Check{"load: throws away an unfinished read", LoadThrowsAwayAnUnfinishedRead},
      Check{"immediate_exit: an interruption", ImmediateExitIsAnInterruption},
      Check{"real mode: reads and writes", RealModeReadsAndWrites, Wants::kCpu},
  };
  return kChecks;
}

}  // namespace kct::selfcheck
