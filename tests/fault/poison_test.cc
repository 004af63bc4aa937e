// SPDX-License-Identifier: GPL-2.0-only
// A guest that touches memory which the host takes for faulty.
#include <signal.h>

#include "harness/abi/userfaultfd.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/sigbus.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultPoison : public VmTest<> {};

// A guest that is about to touch a poisoned page.
struct PoisonScene {
  GuestScene scene;
  Userfaultfd uffd;

  static Result<PoisonScene> Make() {
    KCT_TRY(GuestScene scene, GuestScene::Make());
    KCT_TRY(Userfaultfd uffd,
            Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kWait));
    const CallRecord poisoned = uffd.Poison(scene.slot.hva(), kPage);
    if (!poisoned.ok()) return MakeError("{}", poisoned.ToString());
    KCT_TRY_STATUS(scene.cpu.Load(Program().Read64(kHome)));
    return PoisonScene{std::move(scene), std::move(uffd)};
  }
};

// The thread gets what a hardware error gives it: SIGBUS with the host address.
KCT_TEST(FaultPoison, IsASigbusWithTheHostAddress, "RUN-13") {
  ASSERT_OK_AND_ASSIGN(PoisonScene poison, PoisonScene::Make());
  const SigbusCatcher catcher;

  EXPECT_THAT(poison.scene.cpu.Run(), IsInterrupted());

  EXPECT_EQ(catcher.code(), BUS_MCEERR_AR);
  EXPECT_EQ(catcher.address(), poison.scene.slot.hva());
}

// A thread that blocks SIGBUS gets an answer too, instead of a call that tries for ever.
KCT_TEST(FaultPoison, AnswersAThreadThatBlocksSigbus, "RUN-42") {
  ASSERT_OK_AND_ASSIGN(PoisonScene poison, PoisonScene::Make());
  Actor run("run");
  run.Start([&] {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGBUS);
    pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
    return poison.scene.cpu.Run().call.Record();
  });

  EXPECT_FALSE(run.Finish().ok());
}

}  // namespace
}  // namespace kct
