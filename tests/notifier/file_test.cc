// SPDX-License-Identifier: GPL-2.0-only
// Files behind the guest's memory: what the guest writes comes to the disk, and what the kernel
// puts into a program comes to the guest.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/abi/zram.h"
#include "harness/base/patience.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"
#include "harness/testing/run_beside.h"
#include "tests/notifier/probe.h"

namespace kct {
namespace {

class NotifierDisk : public RaceTest<Need::kZram> {};
class NotifierProbe : public VmTest<Need::kUprobes> {};

constexpr Gpa kAway = kHome + 256_MiB;

// Memory of the test's own at kAway, by a slot.
MemoryRegionCall AddSlot(const Vm& vm, const void* memory, Bytes size) {
  return vm.SetUserMemoryRegion({.slot = 100,
                                 .guest_phys_addr = kAway.value,
                                 .memory_size = size.count,
                                 .userspace_addr = HvaOf(memory).value});
}

// The first word of a disk, past the page cache. -1: it can't be read.
uint64_t WordOnDisk(const Zram& disk) {
  const UniqueFd file(open(disk.path().c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
  alignas(4096) char page[4096];
  if (pread(file.get(), page, sizeof page, 0) != sizeof page) return ~uint64_t{0};
  uint64_t word;
  std::memcpy(&word, page, sizeof word);
  return word;
}

// Whatever moment a page is written back at: what the guest writes later is written back by the
// next msync(), the last one included.
KCT_TEST(NotifierDisk, GetsTheLastWrite, "MN-31", "MN-01") {
  constexpr int kRounds = 20, kWriteBacks = 20;
  ASSERT_OK_AND_ASSIGN(const Zram disk, Zram::Make(1_MiB));
  const UniqueFd file(open(disk.path().c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(file);
  ASSERT_OK_AND_ASSIGN(const Mapping memory, Mapping::OfFile(file.get(), kPage));
  memory.At<uint64_t>({0}) = 0;
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_THAT(AddSlot(scene.vm, memory.data(), kPage), Succeeds());
  RunBeside run(scene.cpu, 10s);

  for (int round = 0; round < kRounds; ++round) {
    ASSERT_OK(scene.cpu.Load(Program().LoopStart().AtomicAdd(kAway, 1).RepeatUntilFlag()));
    run.Start();
    ASSERT_REACHED(scene.cpu.WaitUntilProgress(GiveUpAfter(5s)), "the guest writes");
    for (int i = 0; i < kWriteBacks; ++i) {
      ASSERT_EQ(msync(memory.data(), kPage.count, MS_SYNC), 0);
    }
    ASSERT_FALSE(run.actor().Done());
    scene.cpu.RaiseFlag();
    ASSERT_THAT(run.Finish(), IsDone());
    ASSERT_EQ(msync(memory.data(), kPage.count, MS_SYNC), 0);

    ASSERT_EQ(WordOnDisk(disk), memory.At<uint64_t>({0})) << "round " << round;
  }
  ReportAnchoredMeeting("a page was written back while a guest wrote to it");
}

// A program file, mapped as programs are.
struct ProgramFile {
  UniqueFd file;
  volatile unsigned char* memory;

  static Result<ProgramFile> Make(uint64_t word) {
    UniqueFd file(memfd_create("program", MFD_CLOEXEC));
    if (!file || ftruncate(file.get(), static_cast<off_t>(kPage.count)) != 0 ||
        pwrite(file.get(), &word, sizeof word, 0) != sizeof word) {
      return MakeError("memfd: {}", LastErrno().Explain());
    }
    void* memory = mmap(nullptr, kPage.count, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
    if (memory == MAP_FAILED) return MakeError("mmap: {}", LastErrno().Explain());
    PutOnTape(TapeKind::kMemoryLent, HvaOf(memory).value, kPage.count);
    return ProgramFile{std::move(file), static_cast<volatile unsigned char*>(memory)};
  }
};

// The guest sees a breakpoint come and go, as its process does.
KCT_TEST(NotifierProbe, ComesAndGoes, "MN-34", "MN-04") {
  constexpr unsigned char kBreakpoint = 0xcc;
  const uint64_t word = guest::FunctionReturning(7);
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_OK_AND_ASSIGN(const ProgramFile program, ProgramFile::Make(word));
  ASSERT_THAT(AddSlot(scene.vm, const_cast<unsigned char*>(program.memory), kPage), Succeeds());
  const auto guest_sees = [&]() -> uint64_t {
    if (!scene.cpu.Load(Program().Read64(kAway))) return 0;
    return scene.cpu.Run().done() ? scene.cpu.result(0).value : 0;
  };
  ASSERT_EQ(guest_sees(), word);

  UniqueFd probe = SetProbe(program.file.get(), {0});
  ASSERT_TRUE(probe) << LastErrno().Explain();
  EXPECT_EQ(program.memory[0], kBreakpoint);
  EXPECT_EQ(guest_sees(), (word & ~uint64_t{0xff}) | kBreakpoint);

  probe.Reset();
  EXPECT_EQ(program.memory[0], word & 0xff);
  EXPECT_EQ(guest_sees(), word);
}

}  // namespace
}  // namespace kct
