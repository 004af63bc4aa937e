// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/model_target.h"

#include <gmock/gmock.h>

#include "harness/guest/machine.h"
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

TEST_F(Imitation, IsAStockKernelUnlessTheTestWantsSoftwareProtectedVms) {
  EXPECT_FALSE(Vm::Create(VmType::kSwProtected));
  EXPECT_TRUE(Lacks(Need::kSwProtected));
  Result<Vm> vm = Vm::Create();
  ASSERT_TRUE(vm.ok());
  EXPECT_THAT(vm->SetMemoryAttributes({4_GiB_gpa, kPage}, 0), FailsWith(ENOTTY));
}

// The guest's private page is the file's, its shared one the host's; each keeps what is in it.
TEST_F(Imitation, KeepsPrivateAndSharedMemoryApart) {
  Model().BeginTest(
      {.fixture = "Imitation", .kind = TestKind::kAbi, .needs = {Need::kSwProtected}});
  ASSERT_FALSE(Lacks(Need::kSwProtected));
  Result<Vm> vm = Vm::Create(VmType::kSwProtected);
  ASSERT_TRUE(vm.ok()) << vm.error().message;
  EXPECT_EQ(vm->CheckExtension(KVM_CAP_MEMORY_ATTRIBUTES), 8);
  EXPECT_EQ(vm->CheckExtension(KVM_CAP_MULTI_ADDRESS_SPACE), 1);
  Result<GuestMachine> machine = GuestMachine::Create(*vm);
  ASSERT_TRUE(machine.ok());
  const UniqueFd file(vm->CreateGuestMemfd(kPage, 0).ret);
  Result<Mapping> memory = Mapping::Anonymous(kPage, kPage);
  ASSERT_TRUE(memory.ok());
  ASSERT_THAT(vm->SetUserMemoryRegion2({.slot = 100,
                                        .flags = KVM_MEM_GUEST_MEMFD,
                                        .guest_phys_addr = (4_GiB_gpa).value,
                                        .memory_size = kPage.count,
                                        .userspace_addr = memory->hva().value,
                                        .guest_memfd = static_cast<uint32_t>(file.get())}),
              Succeeds());
  Result<GuestCpu> cpu = machine->AddCpu();
  ASSERT_TRUE(cpu.ok());
  const auto read = [&] {
    EXPECT_TRUE(cpu->Load(Program().Read64(4_GiB_gpa)).ok());
    EXPECT_EQ(cpu->RunUntilDone().kind, ExitKind::kDone);
    return cpu->results()[0].value;
  };
  const auto convert = [&](uint64_t attributes) {
    EXPECT_THAT(vm->SetMemoryAttributes({4_GiB_gpa, kPage}, attributes), Succeeds());
  };
  memory->Word(Bytes{0}) = 7;
  EXPECT_EQ(read(), 7u);
  convert(KVM_MEMORY_ATTRIBUTE_PRIVATE);
  EXPECT_EQ(read(), 0u);
  ASSERT_TRUE(cpu->Load(Program().Write64(4_GiB_gpa, 9)).ok());
  EXPECT_EQ(cpu->RunUntilDone().kind, ExitKind::kDone);
  EXPECT_EQ(read(), 9u);
  convert(0);
  EXPECT_EQ(read(), 7u);
  convert(KVM_MEMORY_ATTRIBUTE_PRIVATE);
  EXPECT_EQ(read(), 9u);
}

// Private memory without a file behind it is an exit that says which page it was.
TEST_F(Imitation, DescribesAFaultOnPrivateMemory) {
  Model().BeginTest(
      {.fixture = "Imitation", .kind = TestKind::kAbi, .needs = {Need::kSwProtected}});
  Result<Vm> vm = Vm::Create(VmType::kSwProtected);
  ASSERT_TRUE(vm.ok());
  Result<GuestMachine> machine = GuestMachine::Create(*vm);
  Result<Memslot> slot = vm->AddMemslot({.gpa = 4_GiB_gpa, .size = kPage});
  Result<GuestCpu> cpu = machine->AddCpu();
  ASSERT_TRUE(machine.ok() && slot.ok() && cpu.ok());
  ASSERT_THAT(vm->SetMemoryAttributes(slot->range(), KVM_MEMORY_ATTRIBUTE_PRIVATE), Succeeds());
  ASSERT_TRUE(cpu->Load(Program().Read64(4_GiB_gpa)).ok());
  const GuestExit exit = cpu->RunUntilDone();
  EXPECT_EQ(exit.call.error, Errno(EFAULT));
  EXPECT_EQ(cpu->vcpu().run().exit_reason, static_cast<uint32_t>(KVM_EXIT_MEMORY_FAULT));
  EXPECT_EQ(cpu->vcpu().MemoryFault().gpa, (4_GiB_gpa).value);
  EXPECT_EQ(cpu->vcpu().MemoryFault().flags, uint64_t{KVM_MEMORY_EXIT_FLAG_PRIVATE});
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
