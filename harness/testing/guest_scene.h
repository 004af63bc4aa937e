// SPDX-License-Identifier: GPL-2.0-only
// GuestScene: the usual beginning of a test with a guest: a VM, one vCPU that runs programs, and
// one slot at kHome whose memory nobody has touched.
//
//   ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = 16}));
//   ASSERT_OK(scene.cpu.Load(Program().Touch(scene.slot.range())));
#pragma once

#include <memory>

#include "harness/guest/machine.h"
#include "harness/testing/scene.h"

namespace kct {

// Where tests put their slots: above everything that a guest of ours is made of.
inline constexpr Gpa kHome = 1_GiB_gpa;

struct GuestScene {
  std::unique_ptr<Vm> owner;  // the machine keeps a reference to the VM
  Vm& vm;
  GuestMachine machine;
  GuestCpu cpu;
  Memslot slot;

  static Result<GuestScene> Make(const SceneOptions& options = {.pages = 4}) {
    KCT_TRY(Vm created, Vm::Create());
    auto vm = std::make_unique<Vm>(std::move(created));
    if (options.zap_all == ZapAllQuirk::kOff) KCT_TRY_STATUS(vm->DisableZapAllQuirk());
    if (options.interrupts == Interrupts::kInKernel) KCT_TRY_STATUS(vm->CreateIrqchip());
    KCT_TRY(GuestMachine machine, GuestMachine::Create(*vm));
    KCT_TRY(GuestCpu cpu, machine.AddCpu());
    KCT_TRY(Memslot slot,
            vm->AddMemslot({.gpa = kHome, .size = Pages(options.pages), .flags = options.flags}));
    Vm& reference = *vm;
    return GuestScene{std::move(vm), reference, std::move(machine), std::move(cpu),
                      std::move(slot)};
  }

  // The first word of page `number` of the slot.
  HostWord Word(uint64_t number = 0) const { return slot.memory().Word(Pages(number)); }
};

}  // namespace kct
