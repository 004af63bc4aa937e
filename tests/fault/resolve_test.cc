// SPDX-License-Identifier: GPL-2.0-only
// What user space can do for an access of the guest before the guest makes it.
#include <sys/mman.h>

#include "harness/abi/host_memory.h"
#include "harness/abi/userfaultfd.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/sigbus.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultPopulate : public VmTest<> {};
// What the host does to its memory by itself the imitated KVM does not follow.
class FaultPopulateSeen : public VmTest<Need::kCpu> {};
class FaultAtomic : public RaceTest<Need::kCpu> {};

CallRecord Populate(Hva page) {
  return Madvise(page, kPage, MADV_POPULATE_WRITE, "madvise POPULATE_WRITE");
}

// Where it succeeds the guest's write does.
KCT_TEST(FaultPopulate, ThatSucceedsIsEnoughForAWrite, "RUN-17") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_TRUE(Protect(scene.slot.hva(), kPage, PROT_READ).ok());
  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, kValue)));
  ASSERT_THAT(scene.cpu.Run(), IsBareFault());
  ASSERT_THAT(Populate(scene.slot.hva()), FailsWith(EINVAL));

  ASSERT_TRUE(Protect(scene.slot.hva(), kPage, PROT_READ | PROT_WRITE).ok());
  ASSERT_THAT(Populate(scene.slot.hva()), Succeeds());

  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.Word(), kValue);
}

// Where the guest's write would fail it fails, too, and says why.
KCT_TEST(FaultPopulate, SaysWhyAWriteWouldFail, "RUN-17") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(const SharedSlot shared, SharedSlot::Add(scene.vm, kPage, {0}));
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), Pages(2), OnFault::kSigbus));
  ASSERT_THAT(uffd.Poison(scene.slot.hva(), kPage), Succeeds());
  ASSERT_TRUE(Unmap(scene.slot.hva() + Pages(2), kPage).ok());
  ASSERT_TRUE(Protect(scene.slot.hva() + Pages(3), kPage, PROT_READ).ok());

  EXPECT_THAT(Populate(scene.slot.hva()), FailsWith(EHWPOISON));
  EXPECT_THAT(Populate(scene.slot.hva() + kPage), FailsWith(EFAULT)) << "the userfaultfd refuses";
  EXPECT_THAT(Populate(scene.slot.hva() + Pages(2)), FailsWith(ENOMEM));
  EXPECT_THAT(Populate(scene.slot.hva() + Pages(3)), FailsWith(EINVAL));
  EXPECT_THAT(Populate(shared.slot.hva()), FailsWith(EFAULT)) << "past the end of the file";

  const SigbusCatcher catcher;
  for (uint64_t page = 0; page < 4; ++page) {
    ASSERT_OK(scene.cpu.Load(Program().Write64(kHome + Pages(page), 1)));
    EXPECT_FALSE(scene.cpu.Run().call.ok()) << "page " << page;
  }
}

// A guest that has read the zero page sees the page that takes its place.
KCT_TEST(FaultPopulateSeen, ReplacesTheZeroPage, "RUN-18") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Out(1, 0).Read64(kHome)));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));

  ASSERT_THAT(Populate(scene.slot.hva()), Succeeds());
  scene.Word() = kValue;

  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, 0u);
  EXPECT_EQ(scene.cpu.result(2).value, kValue);
}

// A guest that counts in memory while it is populated again and again loses no step.
KCT_TEST(FaultPopulateSeen, LosesNoWrite, "RUN-34") {
  constexpr uint64_t kTimes = 200;
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK(
      scene.cpu.Load(Program().AtomicAdd(kHome, 1).AtomicAdd(kHome + kPage, 1).RepeatUntilFlag()));
  RunBeside run(scene.cpu);
  run.Start();
  ASSERT_REACHED(scene.cpu.WaitUntilProgress(Clock::now() + 1s), "the guest counts");

  for (uint64_t i = 0; i < kTimes; ++i) {
    EXPECT_THAT(Populate(scene.slot.hva() + Pages(i % 2)), Succeeds());
  }
  scene.cpu.RaiseFlag();

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(scene.Word(0), scene.cpu.result(0).runs);
  EXPECT_EQ(scene.Word(1), scene.cpu.result(1).runs);
}

// An AND with all ones by a thread of the host gets the page that the guest could not have, and
// leaves in it what was supplied.
KCT_TEST(FaultAtomic, ThatChangesNothingGetsThePage, "RUN-33") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(Mapping source, Mapping::Anonymous(kPage));
  source.Word({0}) = kValue;
  Actor host("host");
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), kPage, OnFault::kUserOnly));
  ASSERT_OK(scene.cpu.Load(Program().Read64(kHome).Write64(kHome + Bytes{8}, 9)));
  ASSERT_THAT(scene.cpu.Run(), IsBareFault());

  host.Start([&] {
    auto* word = static_cast<uint64_t*>(Pointer(scene.slot.hva()));
    __atomic_fetch_and(word, ~uint64_t{0}, __ATOMIC_SEQ_CST);
    return CallRecord{.what = "atomic AND"};
  });
  ASSERT_REACHED(uffd.NextFault(Clock::now() + 5s).has_value(), "the host's thread needs the page");
  ASSERT_THAT(uffd.Copy(scene.slot.hva(), source.hva(), kPage), Succeeds());
  host.Finish();

  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, kValue);
}

}  // namespace
}  // namespace kct
