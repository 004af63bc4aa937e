// SPDX-License-Identifier: GPL-2.0-only
// HeldUpUpdates: keeps the slot updates of a VM half way, for as long as a test wants.
//
// A vCPU is parked in a page of the host (PageAnchor), inside KVM's read section of the slots. An
// update that begins then gets as far as its first wait for readers: the old slots are still in
// force, but the slot that goes or moves is marked as going.
//
//   Actor move("move");  // outlives what holds it up
//   HeldUpUpdates held_up(scene);
//   ASSERT_OK(held_up.Begin());
//   move.Start([&] { return scene.slot.MoveTo(…); });
//   ASSERT_REACHED(move.WaitBlockedIn("synchronize_srcu"), "the move is held up");
//   … look at the world …
//   EXPECT_THAT(held_up.End(), Succeeds());
//   EXPECT_THAT(move.Finish(), Succeeds());
#pragma once

#include <memory>

#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/testing/guest_scene.h"

namespace kct {

// BEWARE: actors that make updates must outlive it.
class HeldUpUpdates {
 public:
  // Makes a slot of one page at 3 GiB, and a vCPU of its own.
  explicit HeldUpUpdates(GuestScene& scene) : scene_(scene) {}

  Status Begin() {
    KCT_TRY(GuestCpu cpu, scene_.machine.AddCpu());
    cpu_ = std::make_unique<GuestCpu>(std::move(cpu));
    KCT_TRY(Memslot slot, scene_.vm.AddMemslot({.gpa = 3_GiB_gpa, .size = Pages(1)}));
    parking_ = std::make_unique<Memslot>(std::move(slot));
    KCT_TRY(PageAnchor anchor, PageAnchor::At(parking_->hva()));
    anchor_ = std::make_unique<PageAnchor>(std::move(anchor));
    KCT_TRY_STATUS(cpu_->Load(Program().Read64(3_GiB_gpa)));
    run_.Start([&] { return cpu_->Run().call.Record(); });
    if (anchor_->WaitReached()) return {};
    return MakeError("the vCPU did not reach its page");
  }

  // Lets the vCPU and the updates go on. What the vCPU's KVM_RUN answered.
  CallRecord End() {
    const Status released = anchor_->Release();
    KCT_CHECK(released.ok());
    return run_.Finish();
  }

 private:
  GuestScene& scene_;
  std::unique_ptr<GuestCpu> cpu_;
  std::unique_ptr<Memslot> parking_;
  Actor run_{"parked run"};
  std::unique_ptr<PageAnchor> anchor_;  // goes first, and lets the vCPU go with it
};

}  // namespace kct
