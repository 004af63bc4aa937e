// SPDX-License-Identifier: GPL-2.0-only
#include <cstdio>

#include "harness/guest/machine.h"

using namespace kct;

static Status Check() {
  KCT_TRY(Vm vm, Vm::Create());
  KCT_TRY(GuestMachine machine, GuestMachine::Create(vm));
  KCT_TRY(Memslot slot, vm.AddMemslot({.gpa = 4_GiB_gpa, .size = 2_MiB}));
  KCT_TRY(GuestCpu cpu, machine.AddCpu());
  Program program;
  program.Write64(slot.gpa(), 7)
      .Read64(slot.gpa())
      .Expect(7)
      .Touch(slot.range())
      .Read64({1ull << 46});
  KCT_TRY_STATUS(cpu.Load(program));
  const GuestExit guest_exit = cpu.RunUntilDone();
  fmt::print("{}\n{}\n", program.ToString(), guest_exit.ToString());
  for (const auto& result : cpu.results()) fmt::print("{}\n", ToString(result));
  return {};
}

int main() {
  const Status status = Check();
  if (!status) fmt::print("{}\n", status.error().message);
}
