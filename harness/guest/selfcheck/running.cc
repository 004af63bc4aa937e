// SPDX-License-Identifier: GPL-2.0-only
// Loops, waiting, several vCPUs, exceptions.
#include <algorithm>
#include <array>
#include <thread>

#include "harness/base/patience.h"
#include "harness/guest/selfcheck/selfcheck.h"

namespace kct::selfcheck {
namespace {

constexpr Duration kPatience = 5s;

// Runs a program on a thread of its own; Join() raises the flag, should the guest still wait.
class Background {
 public:
  explicit Background(GuestCpu& cpu)
      : cpu_(cpu), thread_([this] { exit_ = cpu_.RunUntilDone(); }) {}
  ~Background() { Join(); }
  GuestExit Join() {
    if (thread_.joinable()) {
      cpu_.RaiseFlag();
      thread_.join();
    }
    return exit_;
  }

 private:
  GuestCpu& cpu_;
  GuestExit exit_;
  std::thread thread_;
};

Status LoopsCountRounds() {
  KCT_TRY(const auto scene, Scene::Create());
  // (add 1, 3 times; add 100) 5 times
  KCT_TRY_STATUS(scene->RunToEnd(Program()
                                     .LoopStart()
                                     .LoopStart()
                                     .AtomicAdd(scene->gpa(), 1)
                                     .Repeat(3)
                                     .AtomicAdd(scene->gpa(), 100)
                                     .Repeat(5)));
  KCT_TRY_STATUS(Same("the sum", scene->Word({0}), 515));
  KCT_TRY_STATUS(Same("runs of the inner addition", scene->cpu.result(0).runs, 15));
  KCT_TRY_STATUS(Same("rounds of the inner loop", scene->cpu.result(1).count, 15));
  return Same("rounds of the outer loop", scene->cpu.result(3).count, 5);
}

Status EndlessLoopsAreSeenAndEndWithTheFlag() {
  KCT_TRY(const auto scene, Scene::Create());
  GuestCpu& cpu = scene->cpu;
  scene->Word({0}) = 1;
  KCT_TRY_STATUS(cpu.Load(Program().Read64(scene->gpa()).ExpectOneOf(1, 2).RepeatUntilFlag()));
  Background running(cpu);
  // Each value is there while the guest makes progress, so it is read at least once.
  for (const uint64_t value : {1, 2, 3, 4}) {
    scene->Word({0}) = value;
    for (int look = 0; look < 3; ++look) {
      if (!cpu.WaitUntilProgress(GiveUpAfter(kPatience))) return MakeError("no progress");
    }
  }
  KCT_TRY_STATUS(Ended(running.Join(), ExitKind::kDone));
  const guest::OpResult read = cpu.result(0);
  KCT_TRY_STATUS(Same("the first unexpected value", read.unexpected_value, 3));
  KCT_TRY_STATUS(Same("its GPA", read.unexpected_gpa, scene->gpa().value));
  KCT_TRY_STATUS(Same("the last value", read.value, 4));
  KCT_TRY_STATUS(Same("rounds", cpu.result(1).count, read.count));
  return Same("more reads than unexpected values", read.count > read.unexpected, 1);
}

Status SpinUntilEndsWithTheValue() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(
      scene->cpu.Load(Program().SpinUntil(scene->gpa(), 11).Write64(scene->gpa() + Bytes{8}, 12)));
  Background running(scene->cpu);
  const Instant deadline = GiveUpAfter(kPatience);
  if (!scene->cpu.WaitUntilProgress(deadline)) return MakeError("no progress");
  scene->Word({0}) = 11;
  if (!WaitUntil([&] { return scene->Word({8}) == 12; }, deadline)) {
    return MakeError("the value was not seen");
  }
  KCT_TRY_STATUS(Ended(running.Join(), ExitKind::kDone));
  return IsOk(scene->cpu.result(0));
}

Status WaitsEndWithTheFlag() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(scene->cpu.Load(Program().SpinUntil(scene->gpa(), 11).SpinUntilFlag()));
  Background running(scene->cpu);
  if (!scene->cpu.WaitUntilProgress(GiveUpAfter(kPatience))) return MakeError("no progress");
  KCT_TRY_STATUS(Ended(running.Join(), ExitKind::kDone));
  KCT_TRY_STATUS(Same("status of the spin", static_cast<uint64_t>(scene->cpu.result(0).status),
                      static_cast<uint64_t>(guest::OpStatus::kStopped)));
  return IsOk(scene->cpu.result(1));
}

Status EightCpusAddAtomically() {
  KCT_TRY(const auto scene, Scene::Create());
  constexpr uint64_t kRounds = 50000;
  std::vector<GuestCpu> others;
  for (int i = 1; i < guest::kMaxCpus; ++i) {
    KCT_TRY(GuestCpu cpu, scene->machine.AddCpu());
    others.push_back(std::move(cpu));
  }
  KCT_TRY_STATUS(Same("a ninth vCPU", scene->machine.AddCpu().ok(), 0));
  // All wait for the word in the second page, so that they really add at the same time.
  const Gpa start = scene->gpa() + Pages(1);
  const Program program =
      Program().SpinUntil(start, 1).LoopStart().AtomicAdd(scene->gpa(), 1).Repeat(kRounds);
  KCT_TRY_STATUS(scene->cpu.Load(program));
  for (GuestCpu& cpu : others) KCT_TRY_STATUS(cpu.Load(program));

  std::array<GuestExit, guest::kMaxCpus> exits;
  std::vector<std::thread> threads;
  for (GuestCpu& cpu : others) {
    threads.emplace_back([&exits, &cpu] { exits[cpu.id()] = cpu.RunUntilDone(); });
  }
  threads.emplace_back([&] { exits[0] = scene->cpu.RunUntilDone(); });
  const auto all_wait = [&] {
    return scene->cpu.Progress() != 0 &&
           std::all_of(others.begin(), others.end(), [](auto& cpu) { return cpu.Progress() != 0; });
  };
  const bool met = WaitUntil(all_wait, GiveUpAfter(kPatience));
  scene->Word(Pages(1)) = 1;
  for (std::thread& thread : threads) thread.join();
  if (!met) return MakeError("the vCPUs did not all begin");
  for (uint32_t i = 0; i < exits.size(); ++i) {
    KCT_TRY_STATUS(Ended(exits[i], ExitKind::kDone));
    KCT_TRY_STATUS(Same("the vCPU that is done", exits[i].cpu, i));
  }
  return Same("the sum", scene->Word({0}), guest::kMaxCpus * kRounds);
}

Status ExceptionsAreResults() {
  KCT_TRY(const auto scene, Scene::Create());
  const Gpa unmapped{1ull << 40};
  const Gpa not_canonical{1ull << 63};
  scene->Word({0}) = 0x0b0f;  // ud2
  KCT_TRY_STATUS(scene->RunToEnd(Program()
                                     .Write8(unmapped, 1)
                                     .Read64(not_canonical)
                                     .Execute(scene->gpa())
                                     .Write64(scene->gpa() + Bytes{8}, 1)));
  const guest::OpResult page_fault = scene->cpu.result(0);
  KCT_TRY_STATUS(Same("the vector of a page fault", page_fault.vector, 14));
  KCT_TRY_STATUS(Same("its error code (a write)", page_fault.error_code, 2));
  KCT_TRY_STATUS(Same("CR2", page_fault.cr2, unmapped.value));
  KCT_TRY_STATUS(Same("the vector of a bad address", scene->cpu.result(1).vector, 13));
  KCT_TRY_STATUS(Same("the vector of ud2", scene->cpu.result(2).vector, 6));
  KCT_TRY_STATUS(Same("RIP of ud2", scene->cpu.result(2).rip, scene->gpa().value));
  KCT_TRY_STATUS(IsOk(scene->cpu.result(3)));
  return Same("the write after them", scene->Word({8}), 1);
}

Status ExceptionOutsideAnOperationStops() {
  KCT_TRY(const auto scene, Scene::Create());
  scene->Word({0}) = 0x0b0f;  // ud2
  KCT_TRY(kvm_regs regs, scene->cpu.vcpu().GetRegs());
  regs.rip = scene->gpa().value;
  KCT_TRY_STATUS(scene->cpu.vcpu().SetRegs(regs));
  const GuestExit guest_exit = scene->cpu.Run();
  KCT_TRY_STATUS(Ended(guest_exit, ExitKind::kPanic));
  return Same("the vector", guest_exit.panic_vector, 6);
}

Status StampsAreOrdered() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(scene->cpu.Load(Program().Stamp().Read64(scene->gpa()).Stamp()));
  const GuestExit guest_exit = scene->cpu.RunUntilDone();
  const auto results = scene->cpu.results();
  uint64_t last = scene->cpu.tsc() == GuestCpu::Tsc::kHost ? guest_exit.call.begin : 0;
  for (const uint64_t stamp : {results[0].begin, results[0].value, results[0].end, results[1].begin,
                               results[1].end, results[2].value}) {
    if (stamp < last) return MakeError("stamp {} comes after {}", stamp, last);
    last = stamp;
  }
  if (scene->cpu.tsc() == GuestCpu::Tsc::kHost && last > guest_exit.call.end) {
    return MakeError("stamp {} comes after the end of KVM_RUN, {}", last, guest_exit.call.end);
  }
  return {};
}

Status TooLongProgramsAreRefused() {
  KCT_TRY(const auto scene, Scene::Create());
  Program program;
  for (uint64_t i = 0; i < guest::kMaxOps; ++i) program.Stamp();
  KCT_TRY_STATUS(scene->RunToEnd(program));
  KCT_TRY_STATUS(IsOk(scene->cpu.result(guest::kMaxOps - 1)));
  return Same("loading one more", scene->cpu.Load(program.Stamp()).ok(), 0);
}

}  // namespace

std::span<const Check> RunningChecks() {
  static constexpr std::array kChecks{
      Check{"repeat: counts rounds, loops inside loops", LoopsCountRounds},
      Check{"repeat until flag: seen from outside, finds values",
            EndlessLoopsAreSeenAndEndWithTheFlag},
      Check{"spin-until: ends with the value", SpinUntilEndsWithTheValue},
      Check{"spin-until, spin-until-flag: end with the flag", WaitsEndWithTheFlag},
      Check{"atomic-add: eight vCPUs at once, not nine", EightCpusAddAtomically, Wants::kCpu},
      Check{"exception in an operation: its result", ExceptionsAreResults, Wants::kCpu},
      Check{"exception elsewhere: stops", ExceptionOutsideAnOperationStops, Wants::kCpu},
      Check{"stamp: in order, and inside KVM_RUN", StampsAreOrdered},
      Check{"load: refuses what is too long", TooLongProgramsAreRefused},
  };
  return kChecks;
}

}  // namespace kct::selfcheck
