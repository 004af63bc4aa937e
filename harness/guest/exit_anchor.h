// SPDX-License-Identifier: GPL-2.0-only
// ExitAnchor: parks a vCPU between two KVM_RUNs, in an exit that its guest made.
//
// What it freezes, until Release():
//   the instruction that left the guest   half done: what user space answers, and the rest of the
//                                         instruction, wait in the vCPU for the next KVM_RUN. Only
//                                         an MMIO write is over for the guest
//   what the vCPU knows of guest memory   its root of the stage-2 tables, their translations, the
//                                         GPA that it remembers as MMIO. An update of the slots can
//                                         make each of them obsolete: the vCPU finds out when it
//                                         enters again
//
// What it leaves free: the vCPU's mutex, so that other ioctls, a prefault too, work on it; and the
// memslots, since it is in no SRCU read section: no update waits for it.
//
//   ASSERT_OK(scene.cpu.Load(Program().Touch(scene.slot.range()).Out(1, 0).Read64(kHome)));
//   ASSERT_OK_AND_ASSIGN(ExitAnchor parked, ExitAnchor::At(scene.cpu));
//   … change the world …
//   EXPECT_TRUE(parked.Holds());
//   EXPECT_THAT(parked.Release(), IsMmioRead(kHome));
#pragma once

#include "harness/guest/runner.h"

namespace kct {

class ExitAnchor {
 public:
  // Runs the vCPU up to its next exit, which must be an access to a port or to a GPA without a
  // slot. Error: it left for another reason. REQUIRES: `cpu` stays where it is.
  static Result<ExitAnchor> At(VcpuRunner& cpu);

  // Why it left.
  const GuestExit& guest_exit() const { return guest_exit_; }
  // Whether it is still parked as it was: neither what KVM shares with us says anything else nor
  // has the guest moved on.
  bool Holds() const;
  // Enters the guest again, up to its next exit. `answer` is what a read gets.
  GuestExit Release(uint64_t answer = 0);

 private:
  ExitAnchor(VcpuRunner& cpu, GuestExit guest_exit, uint64_t rip)
      : cpu_(cpu), guest_exit_(std::move(guest_exit)), rip_(rip) {}

  VcpuRunner& cpu_;
  GuestExit guest_exit_;
  uint64_t rip_;
};

}  // namespace kct
