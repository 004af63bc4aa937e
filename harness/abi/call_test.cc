// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/call.h"

#include <gmock/gmock.h>

#include "harness/abi/backend.h"
#include "harness/abi/host_memory.h"
#include "harness/abi/ioctls.h"
#include "harness/base/mapping.h"

namespace kct {
namespace {

using testing::StartsWith;

TEST(Call, ShowsArgumentAnswerAndWhatChanged) {
  const PreFaultCall call{.request = KVM_PRE_FAULT_MEMORY,
                          .ret = 0,
                          .before = {.gpa = 0x1000, .size = 0x3000},
                          .after = {.gpa = 0x2000, .size = 0x2000}};
  EXPECT_EQ(call.Record().ToString(),
            "PRE_FAULT_MEMORY(gpa=0x1000, size=0x3000, flags=0x0) -> 0; now gpa=0x2000, "
            "size=0x2000");
  EXPECT_EQ(call.Record().Answer(), "0 with a remainder");
}

TEST(Call, ShowsTheErrnoByName) {
  const CallRecord record{.request = KVM_RUN, .ret = -1, .error = Errno(EINTR)};
  EXPECT_EQ(record.ToString(), "RUN() -> -1 EINTR");
  EXPECT_EQ(record.Answer(), "EINTR");
}

TEST(Call, OverlapsWhenNeitherEndsBeforeTheOtherBegins) {
  const CallRecord first{.begin = 10, .end = 20}, inside{.begin = 12, .end = 15},
      after{.begin = 20, .end = 30};
  EXPECT_TRUE(first.Overlaps(inside) && inside.Overlaps(first));
  EXPECT_FALSE(first.Overlaps(after) || after.Overlaps(first));
}

TEST(Backend, TakesErrnoFromTheKernel) {
  const auto call = IssueNumber(-1, KVM_GET_API_VERSION, 0);
  EXPECT_EQ(call.ret, -1);
  EXPECT_EQ(call.error, Errno(EBADF));
  EXPECT_LT(call.begin, call.end);
}

TEST(DescribeCall, ReadsTheArgumentOfACallThatHasNotReturned) {
  const kvm_pre_fault_memory range{.gpa = 0x1000, .size = 0x2000};
  EXPECT_EQ(DescribeCall(KVM_PRE_FAULT_MEMORY, reinterpret_cast<uintptr_t>(&range)),
            "PRE_FAULT_MEMORY(gpa=0x1000, size=0x2000, flags=0x0)");
  EXPECT_THAT(DescribeCall(0x1234, 0), StartsWith("ioctl 0x1234"));
}

TEST(InChildProcess, BringsTheAnswerHome) {
  const CallRecord record =
      InChildProcess([] { return CallRecord{.ret = -1, .error = Errno(EIO)}; });
  EXPECT_EQ(record.error, Errno(EIO));
}

TEST(InChildProcess, SaysWhenTheChildDied) {
  const CallRecord record = InChildProcess([]() -> CallRecord { __builtin_trap(); });
  EXPECT_EQ(record.error, Errno(ECHILD));
}

TEST(HostMemory, IsAbsentUntilTouchedAndAfterItWasDropped) {
  Mapping mapping = Mapping::Anonymous(kPage).value();
  EXPECT_EQ(ResidenceOf(mapping.hva()), Residence::kAbsent);
  mapping.At<uint64_t>({0}) = 1;
  EXPECT_EQ(ResidenceOf(mapping.hva()), Residence::kResident);
  EXPECT_TRUE(DropPages(mapping.hva(), kPage).ok());
  EXPECT_EQ(mapping.At<uint64_t>({0}), 0u);
}

}  // namespace
}  // namespace kct
