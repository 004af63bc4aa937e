// SPDX-License-Identifier: GPL-2.0-only
// KVM_HC_MAP_GPA_RANGE of guests that are not confidential.
#include "harness/model/scenario/calls.h"

namespace kct::model {
namespace {

constexpr uint64_t kMapGpaRangeExit = 1 << 12;
constexpr uint64_t kEncrypted = 1 << 4;

Operation Enable(uint64_t mask) { return WithValue(Call(Kind::kEnableExits), mask); }

Operation Ask(uint64_t gpa, uint64_t size, uint64_t attributes) {
  return WithValue(WithSize(WithAddress(OfVcpu(Kind::kMapGpaRange, 0), gpa), size), attributes);
}

Operation Answer(uint64_t answer) { return WithValue(OfVcpu(Kind::kAnswerExit, 0), answer); }

void HaveExits(World& world) {
  world.Expect("HC-01", Enable(kMapGpaRangeExit), kDone);
  world.EnterGuest(0);
}

// The exit changes no attribute: that is for user space to do.
KCT_SCENARIO(ExitConvertsNothing, "HC-10") {
  MakeSoftwareProtected(world);
  HaveExits(world);
  world.Expect("HC-02", Ask(kGpa, kPage, kEncrypted), "0, exit for 0x100000000, 0x1000 as 0x10");
  world.Expect("HC-06", Answer(0), "0, guest told 0x0");
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  world.Expect("HC-10", Read(0, kGpa), "0, word 0x5");
}

}  // namespace
}  // namespace kct::model
