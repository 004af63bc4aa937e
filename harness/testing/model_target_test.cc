// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/model_target.h"

#include <gmock/gmock.h>

#include "harness/guest/selfcheck/selfcheck.h"
#include "harness/kvm/kvm.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"

namespace kct {
namespace {

using testing::HasSubstr;

ModelTarget& Model() {
  static ModelTarget model{model::Planted()};
  return model;
}

// Starts each test on a new machine.
class Imitation : public testing::Test {
 protected:
  Imitation() {
    Model().BeginTest({.fixture = "Imitation", .kind = TestKind::kAbi});
    SetBackend(Model().backend());
  }
};

// What holds of the interpreter on a CPU holds of the imitated guest, where no CPU is asked for.
TEST_F(Imitation, PassesTheChecksOfTheGuest) {
  for (const auto checks :
       {selfcheck::MemoryChecks(), selfcheck::RunningChecks(), selfcheck::ExitChecks()}) {
    for (const selfcheck::Check& check : checks) {
      if (check.wants == selfcheck::Wants::kCpu) continue;
      const Status status = check.run();
      EXPECT_TRUE(status.ok()) << check.claim << ": " << status.error().message;
    }
  }
}

TEST_F(Imitation, KnowsItsFileDescriptors) {
  Result<Vm> vm = Vm::Create();
  ASSERT_TRUE(vm.ok());
  EXPECT_THAT(IssueNumber(vm->fd(), KVM_RUN, 0), FailsWith(ENOTTY));
  EXPECT_THAT(IssueNumber(STDIN_FILENO, KVM_RUN, 0), FailsWith(ENOTTY));
  EXPECT_THAT(IssueNumber(-1, KVM_RUN, 0), FailsWith(EBADF));
}

TEST_F(Imitation, ForgetsADescriptorThatWasClosed) {
  Result<Vm> vm = Vm::Create();
  ASSERT_TRUE(vm.ok());
  const int fd = vm->fd();
  { const Vm closed = std::move(vm).value(); }
  EXPECT_THAT(IssueNumber(fd, KVM_CHECK_EXTENSION, 0), FailsWith(ENOTTY));
}

TEST_F(Imitation, PagesAsTheTestWants) {
  EXPECT_EQ(HostPaging(), Paging::kTdp);
  Model().BeginTest({.fixture = "Imitation", .kind = TestKind::kAbi, .needs = {Need::kShadow}});
  EXPECT_EQ(HostPaging(), Paging::kShadow);
}

TEST_F(Imitation, ShowsWhereAThreadWaitsInTheKernel) {
  Result<Scene> scene = Scene::Make({.pages = 2});
  ASSERT_TRUE(scene.ok());
  Actor prefault("prefault");
  Result<PageAnchor> anchor = PageAnchor::At(scene->HvaOfPage(1));
  ASSERT_TRUE(anchor.ok());
  prefault.Start([&] { return scene->vcpu.PreFault(scene->slot.range()); });
  ASSERT_TRUE(anchor->WaitReached());
  EXPECT_TRUE(prefault.WaitBlockedIn("handle_userfault"));
  EXPECT_EQ(prefault.Probe().State(), 'S');
  ASSERT_TRUE(anchor->Release().ok());
  EXPECT_THAT(prefault.Finish(), Completes());
}

TEST_F(Imitation, RefusesAParameterThatItDoesNotHave) {
  EXPECT_EQ(ModuleParameter("kvm", "no_such_parameter"), "");
  EXPECT_THAT(SetModuleParameter("kvm", "no_such_parameter", "1").error().message,
              HasSubstr("kvm.no_such_parameter"));
}

TEST(BugsOfTheModel, AreListedALineEach) {
  EXPECT_THAT(ListOfBugs(), HasSubstr("prefault-loses-progress"));
}

}  // namespace
}  // namespace kct
