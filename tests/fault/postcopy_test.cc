// SPDX-License-Identifier: GPL-2.0-only
// A guest that begins before its memory has come (post-copy migration), and one whose memory is
// saved while it runs (live snapshot), done as a VMM does it. The guest sums up what it sees and
// changes it: its sums, and the memory in the end, say whether anything was lost.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "harness/abi/host_memory.h"
#include "harness/abi/userfaultfd.h"
#include "harness/base/random.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultPostCopy : public RaceTest<> {};
class FaultSnapshot : public RaceTest<> {};

constexpr uint64_t kPages = 16;
constexpr uint64_t kWords = kPage.count / sizeof(uint64_t);

// What the memory holds where the guest comes from.
Result<Mapping> MakeSource() {
  KCT_TRY(Mapping source, Mapping::Anonymous(Pages(kPages)));
  Random random(Seed());
  for (uint64_t i = 0; i < kPages * kWords; ++i) {
    source.At<uint64_t>({i * sizeof(uint64_t)}) = random.Next();
  }
  return source;
}

uint64_t SumOf(const Mapping& memory, uint64_t first, uint64_t pages) {
  uint64_t sum = 0;
  for (uint64_t i = first * kWords; i < (first + pages) * kWords; ++i) {
    sum = guest::ChecksumStep(sum, memory.At<uint64_t>({i * sizeof(uint64_t)}));
  }
  return sum;
}

// Reads all, and then writes a word of each page in its half of the memory.
Program Life(Gpa memory, uint64_t half, uint64_t mark) {
  const Gpa own = memory + Pages(half * kPages / 2);
  return Program()
      .Checksum({memory, Pages(kPages)})
      .WriteTouch({own, Pages(kPages / 2)}, mark)
      .Checksum({own, Pages(kPages / 2)});
}

// The guest saw all of `source`, and what is in `memory` is that with its marks.
void ExpectNothingLost(const GuestCpu& cpu, uint64_t half, uint64_t mark, uint64_t sum,
                       const Mapping& source, const Mapping& memory) {
  EXPECT_EQ(cpu.result(0).value, sum) << "what the guest saw at first";
  EXPECT_EQ(cpu.result(2).value, SumOf(memory, half * kPages / 2, kPages / 2))
      << "what the guest saw in the end";
  uint64_t wrong = 0;
  for (uint64_t i = half * kPages / 2 * kWords; i < (half + 1) * kPages / 2 * kWords; ++i) {
    const uint64_t expected = i % kWords == 0 ? mark : source.At<uint64_t>({i * sizeof(uint64_t)});
    wrong += memory.At<uint64_t>({i * sizeof(uint64_t)}) != expected ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0u) << "words of the memory that are not the source's";
}

// Answers faults of the guests' runs until all of them have come back.
void Serve(Userfaultfd& uffd, const std::vector<const Actor*>& runs,
           const std::function<CallRecord(const PageFault&)>& answer) {
  const auto all_done = [&] {
    return std::all_of(runs.begin(), runs.end(), [](const Actor* run) { return run->Done(); });
  };
  while (!all_done()) {
    const std::optional<PageFault> fault = uffd.NextFault(Clock::now() + 20ms);
    if (!fault) continue;
    const CallRecord answered = answer(*fault);
    // Two vCPUs may have asked for the same page.
    EXPECT_TRUE(answered.ok() || answered.error == Errno(EEXIST)) << answered.ToString();
  }
}

// Two vCPUs wait for pages that are copied as they ask for them.
KCT_TEST(FaultPostCopy, ByCopiesLosesNothing, "RUN-15", "RUN-37") {
  ASSERT_OK_AND_ASSIGN(const Mapping source, MakeSource());
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = kPages}));
  ASSERT_OK_AND_ASSIGN(GuestCpu other, scene.machine.AddCpu());
  ASSERT_OK(scene.cpu.Load(Life(kHome, 0, 7)));
  ASSERT_OK(other.Load(Program().Touch({kHome + Pages(kPages / 2), Pages(kPages / 2)})));
  RunBeside run(scene.cpu), other_run(other);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kWait));
  run.Start();
  other_run.Start();

  uint64_t faults = 0;
  Serve(uffd, {&run.actor(), &other_run.actor()}, [&](const PageFault& fault) {
    ++faults;
    return uffd.Copy(fault.page, source.hva() + (fault.page - scene.slot.hva()), kPage);
  });

  EXPECT_GE(faults, kPages);
  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_THAT(other_run.Finish(), IsDone());
  ExpectNothingLost(scene.cpu, 0, 7, SumOf(source, 0, kPages), source, scene.slot.memory());
}

// The pages are in a file already, and are mapped one by one as the guests ask for them.
KCT_TEST(FaultPostCopy, ByContinuingLosesNothing, "RUN-15") {
  ASSERT_OK_AND_ASSIGN(const Mapping source, MakeSource());
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(SharedSlot shared, SharedSlot::Add(scene.vm, Pages(kPages), Pages(kPages)));
  std::memcpy(shared.host.data(), source.data(), Pages(kPages).count);
  ASSERT_OK(scene.cpu.Load(Life(kAway, 1, 8)));
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(shared.slot.hva(), shared.slot.size(), OnFault::kWait,
                                             FaultKind::kMissing | FaultKind::kMinor));
  run.Start();

  uint64_t faults = 0;
  Serve(uffd, {&run.actor()}, [&](const PageFault& fault) {
    ++faults;
    return uffd.Continue(fault.page, kPage);
  });

  EXPECT_GE(faults, kPages);
  EXPECT_THAT(run.Finish(), IsDone());
  ExpectNothingLost(scene.cpu, 1, 8, SumOf(source, 0, kPages), source, shared.host);
}

// Runs the guest until it is through; `resolve` brings the page with this number whenever it has
// failed. KVM says nothing about which page it was, but the guest reads in order. After a failure
// pages are missing still: nobody may touch them.
void RunAndResolve(GuestCpu& cpu, const std::function<CallRecord(uint64_t page)>& resolve) {
  uint64_t page = 0;
  GuestExit guest_exit = cpu.Run();
  for (; !guest_exit.done() && page < kPages; ++page) {
    ASSERT_THAT(guest_exit, IsBareFault());
    ASSERT_THAT(resolve(page), Succeeds());
    guest_exit = cpu.Run();
  }
  ASSERT_THAT(guest_exit, IsDone());
  ASSERT_EQ(page, kPages) << "pages that were missing";
}

// Nobody waits: each missing page fails KVM_RUN, and is copied before the next one.
KCT_TEST(FaultPostCopy, ByFailuresAndCopiesLosesNothing, "RUN-06", "RUN-05") {
  ASSERT_OK_AND_ASSIGN(const Mapping source, MakeSource());
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = kPages}));
  ASSERT_OK(scene.cpu.Load(Life(kHome, 0, 7)));
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd, Userfaultfd::Register(scene.slot.hva(), scene.slot.size(),
                                                               OnFault::kUserOnly));

  RunAndResolve(scene.cpu, [&](uint64_t page) {
    return uffd.Copy(scene.slot.hva() + Pages(page), source.hva() + Pages(page), kPage);
  });
  if (HasFatalFailure()) return;

  ExpectNothingLost(scene.cpu, 0, 7, SumOf(source, 0, kPages), source, scene.slot.memory());
}

// The same with pages of a file that are continued.
KCT_TEST(FaultPostCopy, ByFailuresAndContinuingLosesNothing, "RUN-06", "RUN-05") {
  ASSERT_OK_AND_ASSIGN(const Mapping source, MakeSource());
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(SharedSlot shared, SharedSlot::Add(scene.vm, Pages(kPages), Pages(kPages)));
  std::memcpy(shared.host.data(), source.data(), Pages(kPages).count);
  ASSERT_OK(scene.cpu.Load(Life(kAway, 1, 8)));
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(shared.slot.hva(), shared.slot.size(),
                                             OnFault::kSigbus, FaultKind::kMinor));

  RunAndResolve(scene.cpu, [&](uint64_t page) {
    return uffd.Continue(shared.slot.hva() + Pages(page), kPage);
  });
  if (HasFatalFailure()) return;

  ExpectNothingLost(scene.cpu, 1, 8, SumOf(source, 0, kPages), source, shared.host);
}

// The file behind the memory grows page by page, and MADV_POPULATE_WRITE maps what has come.
KCT_TEST(FaultPostCopy, ByFailuresAndPopulatingLosesNothing, "RUN-06", "RUN-17") {
  ASSERT_OK_AND_ASSIGN(const Mapping source, MakeSource());
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(SharedSlot shared, SharedSlot::Add(scene.vm, Pages(kPages), {0}));
  ASSERT_OK(scene.cpu.Load(Life(kAway, 0, 9)));

  RunAndResolve(scene.cpu, [&](uint64_t page) {
    KCT_CHECK(ftruncate(shared.file.get(), static_cast<off_t>(Pages(page + 1).count)) == 0);
    std::memcpy(static_cast<char*>(shared.host.data()) + Pages(page).count,
                static_cast<const char*>(source.data()) + Pages(page).count, kPage.count);
    return Madvise(shared.slot.hva() + Pages(page), kPage, MADV_POPULATE_WRITE,
                   "madvise POPULATE_WRITE");
  });
  if (HasFatalFailure()) return;

  ExpectNothingLost(scene.cpu, 0, 9, SumOf(source, 0, kPages), source, shared.host);
}

// All memory is protected under a guest that has begun; each page is saved before its first write.
// What was saved is the memory as it was, and the guest's writes are all there.
KCT_TEST(FaultSnapshot, IsOfOneMoment, "RUN-44") {
  ASSERT_OK_AND_ASSIGN(const Mapping source, MakeSource());
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.pages = kPages}));
  ASSERT_OK_AND_ASSIGN(const Mapping saved, Mapping::Anonymous(Pages(kPages)));
  const Mapping& memory = scene.slot.memory();
  std::memcpy(memory.data(), source.data(), Pages(kPages).count);
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(scene.slot.hva(), scene.slot.size(), OnFault::kWait,
                                             FaultKind::kProtected));
  // Mapped for writing first, so that protecting has to reach what KVM has mapped.
  Program program;
  program.AtomicAdd(kHome + Pages(1), 0).Out(1, 0);
  program.Checksum({kHome, Pages(kPages)}).WriteTouch({kHome, Pages(kPages)}, 7);
  ASSERT_OK(scene.cpu.Load(program));
  ASSERT_THAT(scene.cpu.Run(), IsOut(1));
  ASSERT_THAT(uffd.Protect(scene.slot.hva(), scene.slot.size()), Succeeds());
  run.Start();

  std::map<Hva, int> faults;
  Serve(uffd, {&run.actor()}, [&](const PageFault& fault) {
    const Bytes offset = fault.page - scene.slot.hva();
    if (++faults[fault.page] == 1) {
      std::memcpy(static_cast<char*>(saved.data()) + offset.count, Pointer(fault.page),
                  kPage.count);
    }
    return uffd.Unprotect(fault.page, kPage);
  });

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_EQ(faults.size(), kPages);
  EXPECT_EQ(std::memcmp(saved.data(), source.data(), Pages(kPages).count), 0);
  for (uint64_t page = 0; page < kPages; ++page) EXPECT_EQ(scene.Word(page), 7u);
}

}  // namespace
}  // namespace kct
