// SPDX-License-Identifier: GPL-2.0-only
// Scene: the usual beginning of a test: a VM with one vCPU and one slot of untouched memory.
//
//   ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make({.pages = 2, .zap_all = ZapAllQuirk::kOff}));
//   EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), Completes());
#pragma once

#include "harness/kvm/vm.h"

namespace kct {

// The quirk by which deleting or moving a slot drops all mappings of a default VM. Off is the way
// to look at one slot without disturbing (or being disturbed through) the others.
enum class ZapAllQuirk { kOn, kOff };

// Where interrupts of the vCPUs come from. In the kernel each has a local APIC there, and only the
// first is started.
enum class Interrupts { kFromUserSpace, kInKernel };

struct SceneOptions {
  uint64_t pages = 8;
  uint32_t flags = 0;
  ZapAllQuirk zap_all = ZapAllQuirk::kOn;
  Interrupts interrupts = Interrupts::kFromUserSpace;  // of GuestScene
};

struct Scene {
  // Where the slot is: far from the low memory that guest programs use.
  static constexpr Gpa kGpa = 4_GiB_gpa;

  Vm vm;
  Vcpu vcpu;
  Memslot slot;

  static Result<Scene> Make(const SceneOptions& options = {}) {
    KCT_TRY(Vm vm, Vm::Create());
    if (options.zap_all == ZapAllQuirk::kOff) KCT_TRY_STATUS(vm.DisableZapAllQuirk());
    KCT_TRY(Vcpu vcpu, vm.AddVcpu());
    KCT_TRY(Memslot slot,
            vm.AddMemslot({.gpa = kGpa, .size = Pages(options.pages), .flags = options.flags}));
    return Scene{std::move(vm), std::move(vcpu), std::move(slot)};
  }

  // One page of the slot, by number.
  GpaRange PageOf(uint64_t number) const { return {slot.gpa() + Pages(number), kPage}; }
  Hva HvaOfPage(uint64_t number) const { return slot.hva() + Pages(number); }
};

}  // namespace kct
