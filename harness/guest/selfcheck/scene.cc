// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/selfcheck/selfcheck.h"

namespace kct::selfcheck {

Result<std::unique_ptr<Scene>> Scene::Create() {
  KCT_TRY(Vm created, Vm::Create());
  auto vm = std::make_unique<Vm>(std::move(created));
  KCT_TRY(GuestMachine machine, GuestMachine::Create(*vm));
  KCT_TRY(Memslot slot, vm->AddMemslot({.gpa = 4_GiB_gpa, .size = 2_MiB}));
  KCT_TRY(GuestCpu cpu, machine.AddCpu());
  return std::make_unique<Scene>(
      Scene{std::move(vm), std::move(machine), std::move(slot), std::move(cpu)});
}

Status Scene::RunToEnd(const Program& program) {
  KCT_TRY_STATUS(cpu.Load(program));
  return Ended(cpu.RunUntilDone(), ExitKind::kDone);
}

Status Same(std::string_view what, uint64_t actual, uint64_t expected) {
  if (actual == expected) return {};
  return MakeError("{} is {:#x}, not {:#x}", what, actual, expected);
}

Status IsOk(const guest::OpResult& result) {
  if (result.status == guest::OpStatus::kOk && result.unexpected == 0) return {};
  return MakeError("an operation ended with: {}", ToString(result));
}

Status Ended(const GuestExit& guest_exit, ExitKind expected) {
  if (guest_exit.kind == expected) return {};
  return MakeError("the guest ended with: {}", guest_exit.ToString());
}

}  // namespace kct::selfcheck
