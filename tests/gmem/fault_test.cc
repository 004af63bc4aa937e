// SPDX-License-Identifier: GPL-2.0-only
// What KVM_RUN says of an access to a guest_memfd that can't give the page.
#include "harness/abi/host_memory.h"
#include "harness/abi/scarce_objects.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/sigbus.h"
#include "tests/gmem/scene.h"

namespace kct {
namespace {

class GmemFault : public VmTest<Need::kRegion2, Need::kGuestMemfd> {};
class GmemFaultStarved : public VmTest<Need::kRegion2, Need::kGuestMemfd, Need::kFailslab> {};
class GmemFaultPoison : public VmTest<Need::kRegion2, Need::kGuestMemfd, Need::kRoot> {};

// KVM_RUN has failed with `error`, and kvm_run names the page at `gpa` and nothing else.
void ExpectFaultAt(const GuestExit& guest_exit, int error, Gpa gpa) {
  EXPECT_EQ(guest_exit.call.ret, -1);
  EXPECT_EQ(guest_exit.call.error, Errno(error));
  ASSERT_EQ(guest_exit.exit_reason, static_cast<uint32_t>(KVM_EXIT_MEMORY_FAULT));
  EXPECT_EQ(guest_exit.memory_fault.gpa, gpa);
  EXPECT_EQ(guest_exit.memory_fault.size, kPage);
  EXPECT_EQ(guest_exit.memory_fault.flags, 0u) << "a default VM has no private memory";
}

// A slot whose file is gone is a memory fault, with EFAULT.
KCT_TEST(GmemFault, OfAClosedFileIsEfault, "RUN-20", "RUN-02", "GMEM-26") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, 7).Out(1, 0).Read64(kHome)));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));

  ASSERT_THAT(scene.CloseFile(), Succeeds());

  ExpectFaultAt(scene.cpu.Run(), EFAULT, kHome);
}

// Of an access the fault tells the page, and not whether it was a read, a write or a fetch.
KCT_TEST(GmemFault, NamesThePageAlone, "RUN-03", "RUN-20") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  ASSERT_THAT(scene.CloseFile(), Succeeds());
  const Gpa page = GmemScene::GpaOf(1), word = page + Bytes{0x128};
  for (const Program& program : {Program().Read64(word), Program().Read8(page + Bytes{0xfff}),
                                 Program().Write32(word, 1), Program().Execute(word)}) {
    ASSERT_OK(scene.cpu.Load(program));
    ExpectFaultAt(scene.cpu.Run(), EFAULT, page);
  }
}

// A page that the file finds no memory for is ENOMEM, and the exit says where it is all the same.
// With memory the guest goes on.
KCT_TEST(GmemFaultStarved, IsEnomemAndNamesThePage, "RUN-22") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 128}));
  // The file needs no object for its first page; what KVM keeps in reserve is full afterwards.
  const Gpa page = GmemScene::GpaOf(100);
  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, 7).Out(1, 0).Write64(page, kMark)));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));
  GuestExit guest_exit;
  {
    ASSERT_OK_AND_ASSIGN(const ScarceObjects scarce, ScarceObjects::AtMost({0}));
    guest_exit = scene.cpu.Run();
  }

  ExpectFaultAt(guest_exit, ENOMEM, page);

  EXPECT_TRUE(scene.cpu.RunUntilDone().done());
  EXPECT_EQ(scene.Word(100), kMark);
}

// A page that has failed is EHWPOISON, and no signal.
KCT_TEST(GmemFaultPoison, IsEhwpoisonWithoutASignal, "RUN-21", "RUN-02", "GMEM-35") {
  ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make());
  scene.Mark(kMark);
  {
    const SigbusCatcher catcher;  // the kernel tells whoever has the page mapped
    ASSERT_THAT(Madvise(scene.HvaOf(1), kPage, MADV_HWPOISON, "madvise HWPOISON"),
                FailsWith(EBUSY));
  }
  ASSERT_OK(scene.cpu.Load(Program().Read64(GmemScene::GpaOf(1))));
  const SigbusCatcher catcher;

  ExpectFaultAt(scene.cpu.Run(), EHWPOISON, GmemScene::GpaOf(1));

  EXPECT_EQ(catcher.code(), 0) << "a signal came";
}

}  // namespace
}  // namespace kct
