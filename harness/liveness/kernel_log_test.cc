// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/kernel_log.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(KernelLog, KnowsAComplaint) {
  for (const char* line :
       {"WARNING: CPU: 1 PID: 77 at arch/x86/kvm/mmu/mmu.c:1 f+0x1/0x2 [kvm]",
        "BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI", "BUG: KASAN: use-after-free in f",
        "WARNING: possible circular locking dependency detected",
        "INFO: task prefault_test:210 blocked for more than 30 seconds.",
        "watchdog: BUG: soft lockup - CPU#1 stuck for 22s!",
        "rcu: INFO: rcu_preempt self-detected stall on CPU"}) {
    EXPECT_TRUE(IsComplaint(line)) << line;
  }
}

TEST(KernelLog, KnowsWhatIsNone) {
  for (const char* line :
       {"kvm_amd: Nested Paging enabled", "sysrq: Show backtrace of all active CPUs",
        "NMI backtrace for cpu 1", "Memory failure: 0x1234: recovered",
        "Injecting memory failure for pfn 0x1234"}) {
    EXPECT_FALSE(IsComplaint(line)) << line;
  }
}

TEST(KernelLog, KeepsWhatFollowsAComplaint) {
  const std::vector<std::string> lines{"quiet", "BUG: bad", "Call Trace:", " f+0x1/0x2", "more"};
  EXPECT_THAT(Complaints(lines, 3), ElementsAre("BUG: bad", "Call Trace:", " f+0x1/0x2"));
  EXPECT_THAT(Complaints({"quiet", "calm"}, 3), IsEmpty());
}

}  // namespace
}  // namespace kct
