// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/stall.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

StalledThread Deleter() {
  return {.name = "delete",
          .call = "SET_USER_MEMORY_REGION(slot=0x1)",
          .state = 'D',
          .kernel_stack = {"__synchronize_srcu", "kvm_swap_active_memslots"}};
}

StalledThread Prefaulter() {
  return {.name = "prefault",
          .call = "PRE_FAULT_MEMORY(gpa=0x1000)",
          .state = 'R',
          .kernel_stack = {"kvm_tdp_page_fault"}};
}

TEST(Stall, NamesTheCycleOfAnUpdateAndARetryLoop) {
  EXPECT_THAT((Stall{{Deleter(), Prefaulter()}}.Cycle()),
              AllOf(HasSubstr("\"delete\" waits"), HasSubstr("\"prefault\" is such a reader"),
                    HasSubstr("retries")));
}

TEST(Stall, NamesAPageThatNobodySupplies) {
  StalledThread parked = Prefaulter();
  parked.state = 'S';
  parked.kernel_stack = {"handle_userfault", "hva_to_pfn"};
  EXPECT_THAT((Stall{{Deleter(), parked}}.Cycle()), HasSubstr("userfaultfd page that nobody"));
}

TEST(Stall, TellsARetryLoopFromAGuestThatRuns) {
  StalledThread guest = Prefaulter();
  guest.name = "run";
  guest.kernel_stack = {"svm_vcpu_run", "kvm_vcpu_ioctl"};
  EXPECT_THAT((Stall{{guest}}.Cycle()), HasSubstr("executes guest code"));
  EXPECT_THAT((Stall{{Prefaulter()}}.Cycle()), HasSubstr("retry loop"));
}

TEST(Stall, SaysWhereASleeperSleeps) {
  StalledThread sleeper = Deleter();
  sleeper.kernel_stack = {"kvm_vm_ioctl"};
  EXPECT_THAT((Stall{{sleeper}}.Cycle()), HasSubstr("waits in kvm_vm_ioctl"));
}

TEST(Stall, ShowsTheGuestOfARunThatCameBack) {
  StalledThread run = Prefaulter();
  run.name = "run";
  run.registers = {"rip 0x1402f0", "rax 0x1"};
  EXPECT_THAT((Stall{{run}}.ToString()), HasSubstr("  run: its guest, when KVM_RUN came back\n"
                                                   "      rip 0x1402f0\n      rax 0x1\n"));
  EXPECT_THAT((Stall{{Prefaulter()}}.ToString()), Not(HasSubstr("guest")));
}

TEST(Stall, ReportsCallsStacksAndWhatTheSignalDid) {
  StalledThread released = Prefaulter();
  released.released = true;
  released.answer = "-1 EINTR";
  released.user_stack = {"main+0x10"};
  const std::string text = Stall{{released, Deleter()}}.ToString();
  EXPECT_THAT(text, AllOf(HasSubstr("PRE_FAULT_MEMORY(gpa=0x1000)"), HasSubstr("main+0x10"),
                          HasSubstr("kvm_swap_active_memslots"),
                          HasSubstr("After a signal prefault came back: -1 EINTR"),
                          HasSubstr("A signal did not bring delete back.")));
}

}  // namespace
}  // namespace kct
