// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/exit.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

#include "guest/abi.h"

namespace kct {
namespace {

// What KVM_RUN shares with user space: the structure, and a page for port data behind it.
class SharedPages {
 public:
  kvm_run& run() { return pages_.run; }

  void SetExit(uint32_t reason) { run().exit_reason = reason; }
  void SetIo(uint16_t port, uint8_t direction, uint8_t width, const std::string& data) {
    SetExit(KVM_EXIT_IO);
    run().io.port = port;
    run().io.direction = direction;
    run().io.size = width;
    run().io.count = static_cast<uint32_t>(data.size()) / width;
    run().io.data_offset = offsetof(Pages, data);
    std::memcpy(pages_.data, data.data(), data.size());
  }

 private:
  struct Pages {
    kvm_run run;
    char data[4096];
  } pages_{};
};

RunCall Success() { return {.request = KVM_RUN, .ret = 0}; }
RunCall Failure(int error) { return {.request = KVM_RUN, .ret = -1, .error = Errno(error)}; }

TEST(Classify, TakesTheDonePortForTheEnd) {
  SharedPages pages;
  pages.SetIo(guest::kDonePort, KVM_EXIT_IO_OUT, 4, std::string("\3\0\0\0", 4));
  const GuestExit guest_exit = Classify(Success(), pages.run());
  EXPECT_TRUE(guest_exit.done());
  EXPECT_EQ(guest_exit.cpu, 3u);
  EXPECT_EQ(guest_exit.ToString(), "the program of vCPU 3 is done");
}

TEST(Classify, DoesNotTakeAReadOfTheDonePortForTheEnd) {
  SharedPages pages;
  pages.SetIo(guest::kDonePort, KVM_EXIT_IO_IN, 4, std::string(4, '\0'));
  EXPECT_EQ(Classify(Success(), pages.run()).kind, ExitKind::kIo);
}

TEST(Classify, TakesThePanicPortForAPanic) {
  SharedPages pages;
  pages.SetIo(guest::kPanicPort, KVM_EXIT_IO_OUT, 4, std::string("\15\0\0\0", 4));
  const GuestExit guest_exit = Classify(Success(), pages.run());
  EXPECT_EQ(guest_exit.kind, ExitKind::kPanic);
  EXPECT_EQ(guest_exit.panic_vector, 13u);
}

TEST(Classify, KeepsAllWordsOfAStringWrite) {
  SharedPages pages;
  pages.SetIo(0x510, KVM_EXIT_IO_OUT, 2, "abcdef");
  const GuestExit guest_exit = Classify(Success(), pages.run());
  ASSERT_EQ(guest_exit.kind, ExitKind::kIo);
  EXPECT_EQ(guest_exit.io.count, 3u);
  ASSERT_EQ(guest_exit.io.data.size(), 6u);
  EXPECT_EQ(guest_exit.io.data[5], std::byte{'f'});
  EXPECT_EQ(guest_exit.ToString(), "write of 3 x 2 bytes at port 0x510");
}

TEST(Classify, KeepsAnMmioWriteAndIgnoresDataOfARead) {
  SharedPages pages;
  pages.SetExit(KVM_EXIT_MMIO);
  pages.run().mmio.phys_addr = 0x1000;
  pages.run().mmio.len = 2;
  pages.run().mmio.is_write = 1;
  std::memcpy(pages.run().mmio.data, "\x34\x12\xff", 3);
  EXPECT_EQ(Classify(Success(), pages.run()).mmio.data, 0x1234u);
  EXPECT_EQ(Classify(Success(), pages.run()).ToString(),
            "MMIO write of 2 bytes at 0x1000, data 0x1234");
  pages.run().mmio.is_write = 0;
  EXPECT_EQ(Classify(Success(), pages.run()).mmio.data, 0u);
  EXPECT_EQ(Classify(Success(), pages.run()).ToString(), "MMIO read of 2 bytes at 0x1000");
}

TEST(Classify, KeepsWhatAnInternalErrorSays) {
  SharedPages pages;
  pages.SetExit(KVM_EXIT_INTERNAL_ERROR);
  pages.run().internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
  pages.run().internal.ndata = 2;
  pages.run().internal.data[1] = 7;
  const GuestExit guest_exit = Classify(Success(), pages.run());
  EXPECT_EQ(guest_exit.internal_error.data, (std::vector<uint64_t>{0, 7}));
  EXPECT_EQ(guest_exit.ToString(), "KVM internal error 1 (0x0, 0x7)");
}

TEST(Classify, DoesNotBelieveMoreInternalDataThanFits) {
  SharedPages pages;
  pages.SetExit(KVM_EXIT_INTERNAL_ERROR);
  pages.run().internal.ndata = 0xffff'ffff;
  EXPECT_EQ(Classify(Success(), pages.run()).internal_error.data.size(), 16u);
}

TEST(Classify, NeedsErrnoAndReasonForAMemoryFault) {
  SharedPages pages;
  pages.SetExit(KVM_EXIT_MEMORY_FAULT);
  const KvmRunMemoryFault fault{.flags = 8, .gpa = 0x1000, .size = 0x2000};
  std::memcpy(reinterpret_cast<char*>(&pages.run()) + kKvmRunExitUnionOffset, &fault, sizeof fault);
  const GuestExit guest_exit = Classify(Failure(EFAULT), pages.run());
  EXPECT_EQ(guest_exit.kind, ExitKind::kMemoryFault);
  EXPECT_EQ(guest_exit.memory_fault.gpa, Gpa{0x1000});
  EXPECT_EQ(guest_exit.memory_fault.size, Bytes{0x2000});
  EXPECT_EQ(guest_exit.memory_fault.flags, 8u);
  EXPECT_EQ(Classify(Failure(EHWPOISON), pages.run()).kind, ExitKind::kMemoryFault);
  EXPECT_EQ(Classify(Failure(EINVAL), pages.run()).kind, ExitKind::kFailed);
  EXPECT_EQ(Classify(Success(), pages.run()).kind, ExitKind::kOther);
  pages.SetExit(kNoExitReason);
  EXPECT_EQ(Classify(Failure(EFAULT), pages.run()).kind, ExitKind::kFailed);
}

TEST(Classify, KeepsAnyOtherErrnoWithTheReasonFound) {
  SharedPages pages;
  pages.SetExit(kNoExitReason);
  const GuestExit guest_exit = Classify(Failure(EAGAIN), pages.run());
  EXPECT_EQ(guest_exit.kind, ExitKind::kFailed);
  EXPECT_EQ(guest_exit.call.error, Errno(EAGAIN));
  EXPECT_EQ(guest_exit.ToString(), "KVM_RUN -> -1 EAGAIN, no exit reason");
}

TEST(Classify, TellsASignalFromAFailure) {
  SharedPages pages;
  pages.SetExit(KVM_EXIT_INTR);
  EXPECT_EQ(Classify(Failure(EINTR), pages.run()).kind, ExitKind::kInterrupted);
}

TEST(Classify, NamesReasonsItHasNoKindFor) {
  SharedPages pages;
  pages.SetExit(KVM_EXIT_DEBUG);
  EXPECT_EQ(Classify(Success(), pages.run()).ToString(), "KVM_EXIT_DEBUG");
  pages.SetExit(4242);
  EXPECT_EQ(Classify(Success(), pages.run()).ToString(), "exit reason 4242");
}

}  // namespace
}  // namespace kct
