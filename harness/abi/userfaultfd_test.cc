// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/userfaultfd.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <future>

#include "harness/base/mapping.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

constexpr uint64_t kWord = 0x1122'3344'5566'7788;

// On this machine's own kernel; user mode's faults may be watched without privileges, where there
// are userfaultfds at all.
class UserfaultfdTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<Mapping> memory = Mapping::Anonymous(Pages(2));
    ASSERT_TRUE(memory.ok());
    memory_ = std::move(memory).value();
    const Result<Userfaultfd> any = Userfaultfd::Register(memory_.hva(), kPage, OnFault::kUserOnly);
    if (!any.ok()) GTEST_SKIP() << any.error().message;
  }

  Userfaultfd Watch(Hva start, FaultKind kinds = FaultKind::kMissing) {
    Result<Userfaultfd> watched = Userfaultfd::Register(start, kPage, OnFault::kUserOnly, kinds);
    if (!watched.ok()) Die(__FILE__, __LINE__, "Register", watched.error().message);
    return std::move(watched).value();
  }

  static uint64_t Load(Hva page) { return *static_cast<volatile uint64_t*>(Pointer(page)); }
  static void Store(Hva page, uint64_t value) {
    *static_cast<volatile uint64_t*>(Pointer(page)) = value;
  }
  static std::future<uint64_t> LoadBeside(Hva page) {
    return std::async(std::launch::async, [page] { return Load(page); });
  }
  static std::optional<PageFault> Next(Userfaultfd& uffd) {
    return uffd.NextFault(Clock::now() + 5s);
  }

  Mapping memory_;
};

TEST_F(UserfaultfdTest, ZerosAndCopiesArriveAndAreNotRepeated) {
  Store(memory_.hva() + kPage, kWord);
  for (const bool zeros : {true, false}) {
    ASSERT_EQ(madvise(Pointer(memory_.hva()), kPage.count, MADV_DONTNEED), 0);
    Userfaultfd uffd = Watch(memory_.hva());
    std::future<uint64_t> load = LoadBeside(memory_.hva());
    EXPECT_EQ(Next(uffd), (PageFault{memory_.hva(), FaultKind::kMissing}));
    const auto supply = [&] {
      return zeros ? uffd.Zeros(memory_.hva(), kPage)
                   : uffd.Copy(memory_.hva(), memory_.hva() + kPage, kPage);
    };
    EXPECT_TRUE(supply().ok());
    EXPECT_EQ(load.get(), zeros ? 0u : kWord);
    EXPECT_EQ(supply().error, Errno(EEXIST));
  }
}

TEST_F(UserfaultfdTest, AMovedPageIsGoneFromItsPlace) {
  Store(memory_.hva() + kPage, kWord);
  Userfaultfd uffd = Watch(memory_.hva());
  const CallRecord move = uffd.Move(memory_.hva(), memory_.hva() + kPage, kPage);
  if (move.error == Errno(ENOTTY) || move.error == Errno(EINVAL)) {
    GTEST_SKIP() << "no UFFDIO_MOVE here: " << move.ToString();
  }
  EXPECT_TRUE(move.ok()) << move.ToString();
  EXPECT_EQ(Load(memory_.hva()), kWord);
  EXPECT_EQ(Load(memory_.hva() + kPage), 0u);
}

TEST_F(UserfaultfdTest, AMinorFaultIsContinued) {
  const UniqueFd fd(memfd_create("page", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(fd.get(), kPage.count), 0);
  Result<Mapping> here = Mapping::OfFile(fd.get(), kPage);
  Result<Mapping> there = Mapping::OfFile(fd.get(), kPage);
  ASSERT_TRUE(here.ok() && there.ok());
  there->At<uint64_t>({0}) = kWord;

  Userfaultfd uffd = Watch(here->hva(), FaultKind::kMinor);
  std::future<uint64_t> load = LoadBeside(here->hva());
  EXPECT_EQ(Next(uffd), (PageFault{here->hva(), FaultKind::kMinor}));
  EXPECT_TRUE(uffd.Continue(here->hva(), kPage).ok());
  EXPECT_EQ(load.get(), kWord);
}

TEST_F(UserfaultfdTest, AWriteToAProtectedPageWaits) {
  Store(memory_.hva(), kWord);
  Userfaultfd uffd = Watch(memory_.hva(), FaultKind::kMissing | FaultKind::kProtected);
  ASSERT_TRUE(uffd.Protect(memory_.hva(), kPage).ok());
  EXPECT_EQ(Load(memory_.hva()), kWord);
  std::future<void> store =
      std::async(std::launch::async, [&] { Store(memory_.hva(), kWord + 1); });
  EXPECT_EQ(Next(uffd), (PageFault{memory_.hva(), FaultKind::kProtected}));
  EXPECT_EQ(Load(memory_.hva()), kWord);
  EXPECT_TRUE(uffd.Unprotect(memory_.hva(), kPage).ok());
  store.get();
  EXPECT_EQ(Load(memory_.hva()), kWord + 1);
}

}  // namespace
}  // namespace kct
