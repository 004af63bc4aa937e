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

// There is one hypercall that can be made to exit.
KCT_SCENARIO(OneHypercallCanExit, "HC-01") {
  world.Expect("HC-01", Enable(kMapGpaRangeExit | 1), kInvalid);
  world.Expect("HC-01", Enable(1), kInvalid);
  world.Expect("HC-01", Enable(kMapGpaRangeExit), kDone);
  world.Expect("HC-01", Enable(0), kDone);
}

// It exits with what the guest asked for, whether that makes sense or not.
KCT_SCENARIO(HypercallExitsWithItsArguments, "HC-02") {
  HaveExits(world);
  world.Expect("HC-02", Ask(kGpa, 2 * kPage, kEncrypted | 0xf00),
               "0, exit for 0x100000000, 0x2000 as 0xf10");
}

// A bad range is answered in the guest.
KCT_SCENARIO(BadRangeIsAnsweredInTheGuest, "HC-03") {
  HaveExits(world);
  const std::string told = "0, guest told 0xffffffffffffffea";
  world.Expect("HC-03", Ask(kGpa + 8, kPage, 0), told);
  world.Expect("HC-03", Ask(kGpa, 0, 0), told);
  world.Expect("HC-03", Ask(kGpa, ~uint64_t{0} - kGpa - kPage + 1 + 2 * kPage, 0), told);
}

// Where nobody asked for the exit the guest is told that there is no such call.
KCT_SCENARIO(HypercallIsUnknownUnlessEnabled, "HC-04") {
  world.EnterGuest(0);
  world.Expect("HC-04", Ask(kGpa, kPage, 0), "0, guest told 0xfffffffffffffc18");
}

// A VMM that leaves the answer alone has said 0.
KCT_SCENARIO(AnswerIsPresetToZero, "HC-05") {
  HaveExits(world);
  world.Expect("HC-02", Ask(kGpa, kPage, 0), "0, exit for 0x100000000, 0x1000 as 0x0");
  world.Expect("HC-05", WithFlags(Answer(0x77), 1), "0, guest told 0x0");
}

// Kernels before 6.14 leave there what was there before.
KCT_SCENARIO(OlderKernelsPresetNothing, "HC-02", "HC-05") {
  world.rules().answer_is_not_preset = true;
  HaveExits(world);
  world.Expect("HC-02", Ask(kGpa, kPage, 0x100), "0, exit for 0x100000000, 0x1000 as 0x100");
  world.Expect("HC-05", WithFlags(Answer(0x77), 1), "0, guest told 0x77");
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

// Any answer reaches the guest as it is.
KCT_SCENARIO(AnyAnswerReachesAPlainGuest, "HC-06") {
  HaveExits(world);
  for (const uint64_t answer : {11, 0x77}) {
    world.Expect("HC-02", Ask(kGpa, kPage, 0), "0, exit for 0x100000000, 0x1000 as 0x0");
    world.Expect("HC-06", Answer(answer),
                 answer == 11 ? "0, guest told 0xb" : "0, guest told 0x77");
  }
}

}  // namespace
}  // namespace kct::model
