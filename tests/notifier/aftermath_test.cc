// SPDX-License-Identifier: GPL-2.0-only
// What single sources promise beyond what the guest finds in their place.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/abi/host_memory.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class NotifierFork : public VmTest<> {};
class NotifierProtection : public VmTest<> {};
class NotifierMove : public VmTest<> {};
class NotifierSoftDirty : public VmTest<Need::kSoftDirty> {};

constexpr uint64_t kBefore = 7, kByGuest = 8;

// The guest writes to every page of the slot.
testing::AssertionResult GuestWrites(GuestScene& scene, uint64_t value) {
  const Status loaded = scene.cpu.Load(Program().WriteTouch(scene.slot.range(), value));
  if (!loaded) return testing::AssertionFailure() << loaded.error().message;
  const GuestExit end = scene.cpu.Run();
  return end.done() ? testing::AssertionSuccess() : testing::AssertionFailure() << end.ToString();
}

// A child that was made before the guest wrote keeps what was there then.
KCT_TEST(NotifierFork, LeavesTheChildWhatWasThere, "MN-06") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_TRUE(GuestWrites(scene, kBefore));
  int wait_for_guest[2];
  ASSERT_EQ(pipe(wait_for_guest), 0);
  pid_t child = -1;
  const CallRecord forked = ChangeMemory(scene.slot.hva(), scene.slot.size(), "fork", [&] {
    child = fork();
    if (child != 0) return child < 0 ? -1 : 0;
    char guest_has_written;
    const bool waited = read(wait_for_guest[0], &guest_has_written, 1) == 1;
    _exit(waited && uint64_t{scene.Word()} == kBefore ? 0 : 1);
  });
  ASSERT_THAT(forked, Succeeds());

  EXPECT_TRUE(GuestWrites(scene, kByGuest));
  ASSERT_EQ(write(wait_for_guest[1], "", 1), 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  close(wait_for_guest[0]);
  close(wait_for_guest[1]);

  EXPECT_EQ(status, 0) << "the child does not find what was there when it was made";
  EXPECT_EQ(scene.Word(), kByGuest);
}

// Memory that was closed and opened again has the guest's last write, and takes the next one.
KCT_TEST(NotifierProtection, GivenBackShowsTheLastWrite, "MN-19", "MN-04") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_TRUE(GuestWrites(scene, kBefore));
  ASSERT_THAT(Protect(scene.slot.hva(), scene.slot.size(), PROT_NONE), Succeeds());
  ASSERT_FALSE(GuestWrites(scene, kByGuest));
  ASSERT_THAT(Protect(scene.slot.hva(), scene.slot.size(), PROT_READ | PROT_WRITE), Succeeds());

  ASSERT_OK(scene.cpu.Load(Program().Touch(scene.slot.range()).Expect(kBefore)));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u);
  EXPECT_TRUE(GuestWrites(scene, kByGuest));
  EXPECT_EQ(scene.Word(), kByGuest);
}

// What the guest wrote last goes with memory that is moved, to a slot that is there.
KCT_TEST(NotifierMove, TakesTheLastWriteAlong, "MN-18", "MN-04") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(const Mapping target, Mapping::Anonymous(scene.slot.size()));
  kvm_userspace_memory_region there = scene.slot.region();
  there.slot = 100;
  there.guest_phys_addr += (256_MiB).count;
  there.userspace_addr = target.hva().value;
  ASSERT_THAT(scene.vm.SetUserMemoryRegion(there), Succeeds());
  ASSERT_TRUE(GuestWrites(scene, kByGuest));

  const auto move = [&] {
    const void* moved =
        mremap(Pointer(scene.slot.hva()), scene.slot.size().count, scene.slot.size().count,
               MREMAP_MAYMOVE | MREMAP_FIXED, Pointer(target.hva()));
    if (moved == MAP_FAILED) return -1;
    // Nobody else's memory may come into the gap, which is unmapped at the end.
    const void* kept = mmap(Pointer(scene.slot.hva()), scene.slot.size().count, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return kept == MAP_FAILED ? -1 : 0;
  };
  // Both ranges are not what they were.
  ASSERT_THAT(ChangeMemory(scene.slot.hva(), scene.slot.size(), "mremap", move), Succeeds());
  ASSERT_THAT(ChangeMemory(target.hva(), scene.slot.size(), "mremap", [] { return 0; }),
              Succeeds());

  const GpaRange moved{{there.guest_phys_addr}, scene.slot.size()};
  ASSERT_OK(scene.cpu.Load(Program().Touch(moved).Expect(kByGuest)));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u);
}

// Each page that the guest has written since the bits were cleared is soft-dirty, and the others
// are not: it had all of them mapped for writing before.
KCT_TEST(NotifierSoftDirty, MissesNoWrite, "MN-24") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_TRUE(GuestWrites(scene, kBefore));
  const CallRecord cleared =
      ChangeMemory(scene.slot.hva(), scene.slot.size(), "4 to clear_refs", [] {
        const int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
        const bool wrote = write(file, "4", 1) == 1;
        close(file);
        return wrote ? 0 : -1;
      });
  ASSERT_THAT(cleared, Succeeds());
  ASSERT_FALSE(IsSoftDirty(scene.slot.hva() + kPage));

  ASSERT_OK(scene.cpu.Load(Program().Write64(scene.slot.gpa() + kPage, kByGuest)));
  ASSERT_THAT(scene.cpu.Run(), IsDone());

  EXPECT_TRUE(IsSoftDirty(scene.slot.hva() + kPage));
  EXPECT_FALSE(IsSoftDirty(scene.slot.hva())) << "a page that nobody has written since";
}

}  // namespace
}  // namespace kct
