// SPDX-License-Identifier: GPL-2.0-only
// The file itself: what the system calls of any file do to it.
#include <fcntl.h>
#include <sys/stat.h>

#include "harness/abi/host_access.h"
#include "harness/kvm/guest_memfd.h"
#include "harness/race/actor.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class GmemFile : public VmTest<Need::kGuestMemfd> {};
class GmemAllocation : public RaceTest<Need::kGuestMemfd> {};

constexpr int kKeep = FALLOC_FL_KEEP_SIZE, kPunch = FALLOC_FL_PUNCH_HOLE;

uint64_t SizeOf(const GuestMemfd& file) {
  struct stat now = {};
  fstat(file.fd(), &now);
  return static_cast<uint64_t>(now.st_size);
}

// Looks like a file of the size that was asked for.
KCT_TEST(GmemFile, LooksLikeAFileOfItsSize, "GMEM-09") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(3)));
  ASSERT_OK_AND_ASSIGN(const GuestMemfd second, GuestMemfd::Create(vm, Pages(5), 0));
  struct stat one = {}, two = {};
  ASSERT_EQ(fstat(file.fd(), &one), 0);
  ASSERT_EQ(fstat(second.fd(), &two), 0);

  EXPECT_TRUE(S_ISREG(one.st_mode));
  EXPECT_EQ(one.st_size, static_cast<off_t>(Pages(3).count));
  EXPECT_EQ(two.st_size, static_cast<off_t>(Pages(5).count));
  EXPECT_EQ(one.st_blksize, static_cast<blksize_t>(kPage.count));
  EXPECT_NE(one.st_ino, two.st_ino);
}

// Its contents are not for read and write, its size and mode not to be changed, and nobody opens
// it a second time.
KCT_TEST(GmemFile, IsNeitherReadNorWrittenNorChanged, "GMEM-10") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(3)));

  for (const FileAction action :
       {FileAction::kRead, FileAction::kWrite, FileAction::kTruncate, FileAction::kChangeMode}) {
    EXPECT_THAT(Try(file.fd(), action), FailsWith(EINVAL));
  }
  for (const FileAction action : {FileAction::kReadAt, FileAction::kWriteAt, FileAction::kSeek}) {
    EXPECT_THAT(Try(file.fd(), action), FailsWith(ESPIPE));
  }
  EXPECT_THAT(Try(file.fd(), FileAction::kOpenAgain), FailsWith(ENXIO));

  EXPECT_EQ(SizeOf(file), Pages(3).count);
}

// fallocate allocates with the size kept, punches with the size kept, and does nothing else.
KCT_TEST(GmemFile, RefusesOtherModesOfFallocate, "GMEM-15") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(4)));

  for (const int mode :
       {0, kPunch, FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | kKeep,
        FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_UNSHARE_RANGE | kKeep,
        kPunch | FALLOC_FL_ZERO_RANGE | kKeep}) {
    EXPECT_THAT(Fallocate(file.fd(), mode, {0, kPage}), FailsWith(EOPNOTSUPP)) << "mode " << mode;
  }
}

// Both take whole pages; an allocation stays inside the file, a hole need not.
KCT_TEST(GmemFile, AllocatesAndPunchesWholePages, "GMEM-15") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(4)));

  for (const FileRange range :
       {FileRange{1, kPage}, FileRange{0, {1}}, FileRange{kPage.count, {kPage.count + 8}}}) {
    EXPECT_THAT(file.Allocate(range), FailsWith(EINVAL)) << range.offset;
    EXPECT_THAT(file.Punch(range), FailsWith(EINVAL)) << range.offset;
  }
  EXPECT_THAT(file.Allocate({Pages(3).count, Pages(2)}), FailsWith(EINVAL));
  EXPECT_THAT(file.Allocate({Pages(4).count, kPage}), FailsWith(EINVAL));
  EXPECT_THAT(file.Punch({Pages(3).count, Pages(2)}), Succeeds());
  EXPECT_THAT(file.Punch({Pages(9).count, kPage}), Succeeds());
  EXPECT_THAT(file.Allocate(file.all()), Succeeds());
  EXPECT_THAT(file.Punch(file.all()), Succeeds());

  EXPECT_EQ(SizeOf(file), Pages(4).count);
}

// An allocation brings in exactly its pages, and a hole takes exactly its pages out again.
KCT_TEST(GmemFile, HasThePagesThatWereAllocated, "GMEM-15") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(4)));
  const auto pages = [&] {
    std::vector<int64_t> there;
    for (uint64_t page = 0; page < 4; ++page) {
      there.push_back(PagesIn(file.fd(), {Pages(page).count, kPage}));
    }
    return there;
  };
  ASSERT_THAT(pages(), testing::ElementsAre(0, 0, 0, 0));

  ASSERT_THAT(file.Allocate({kPage.count, Pages(2)}), Succeeds());
  EXPECT_THAT(pages(), testing::ElementsAre(0, 1, 1, 0));

  ASSERT_THAT(file.Punch({kPage.count, kPage}), Succeeds());
  EXPECT_THAT(pages(), testing::ElementsAre(0, 0, 1, 0));
}

// A signal ends an allocation that is under way, and what is there already stays.
KCT_TEST(GmemAllocation, IsStoppedByASignal, "GMEM-16") {
  constexpr Bytes kLong = 512_MiB;
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, kLong));
  const FileRange first{0, kPage}, last{(kLong - kPage).count, kPage};
  Actor allocate("allocate");
  allocate.Start([&] { return file.Allocate(file.all()); });
  const Instant deadline = Clock::now() + Actor::kPatience;
  while (PagesIn(file.fd(), first) == 0 && Clock::now() < deadline) continue;
  ASSERT_REACHED(!allocate.Done(), "the allocation has its first page and goes on");
  ReportAnchoredMeeting("a signal came while an allocation was under way");

  allocate.Interrupt();

  EXPECT_THAT(allocate.Finish(), FailsWith(EINTR));
  EXPECT_EQ(PagesIn(file.fd(), first), 1);
  EXPECT_EQ(PagesIn(file.fd(), last), 0);
}

// The file has a reference to its VM, and outlives the descriptors of it.
KCT_TEST(GmemFile, OutlivesTheDescriptorsOfItsVm, "GMEM-28") {
  std::optional<GuestMemfd> file;
  {
    ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
    ASSERT_OK_AND_ASSIGN(file, GuestMemfd::Create(vm, Pages(4)));
  }
  EXPECT_THAT(file->Allocate(file->all()), Succeeds());
  ASSERT_OK_AND_ASSIGN(const Mapping memory, file->Map());
  EXPECT_TRUE(TryStore(memory.hva(), 1));
  EXPECT_THAT(file->Punch(file->all()), Succeeds());
  EXPECT_EQ(TryLoad(memory.hva()), 0u);
}

}  // namespace
}  // namespace kct
