// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/bugs.h"

namespace kct::model {

const std::vector<BehaviourBug>& FaultBugs() {
  static const std::vector<BehaviourBug> bugs = {
      {Bug::kMissingPageIsWaitedFor, "missing-page-is-waited-for", "RUN-38",
       "a slot that asks for exits has its missing pages waited for"},
      {Bug::kUserfaultBitIsIgnored, "userfault-bit-is-ignored", "RUN-39",
       "an access to a page whose bit is set gets through"},
      {Bug::kUserfaultSparesTheEmulator, "userfault-spares-the-emulator", "RUN-40",
       "an emulated access to a page whose bit is set gets through"},
      // --- KVM_RUN
      {Bug::kMemoryFaultCapabilityIsMissing, "memory-fault-capability-is-missing", "RUN-01",
       "KVM_CAP_MEMORY_FAULT_INFO reads 0"},
      {Bug::kBadMemoryIsDescribed, "bad-memory-is-described", "RUN-04",
       "a bare EFAULT fills kvm_run"},
      {Bug::kForbiddenMemoryIsMmio, "forbidden-memory-is-mmio", "RUN-05",
       "an access that the host's mapping forbids is MMIO"},
      {Bug::kFailedAccessIsSkipped, "failed-access-is-skipped", "RUN-06",
       "the guest goes on behind an access that failed"},
      {Bug::kRunTouchesItsReasonFirst, "run-touches-its-reason-first", "RUN-07",
       "a KVM_RUN that is refused sets exit_reason"},
      {Bug::kMmioIsRoundedDown, "mmio-is-rounded-down", "RUN-08",
       "phys_addr of an MMIO exit is that of the page"},
      {Bug::kEmulatorFailsOnBadMemory, "emulator-fails-on-bad-memory", "RUN-10",
       "KVM's own access to unusable memory fails KVM_RUN"},
      {Bug::kImmediateExitForgetsTheAnswer, "immediate-exit-forgets-the-answer", "RUN-11",
       "a KVM_RUN that does not enter the guest does not finish what had left it"},
      {Bug::kGuestPoisonIsSilent, "guest-poison-is-silent", "RUN-13",
       "no signal for a poisoned page that the guest has touched"},
      {Bug::kUserfaultIgnoresSignals, "userfault-ignores-signals", "RUN-14",
       "a signal does not end a guest's wait for its page"},
      {Bug::kUserfaultIsNotWaitedFor, "userfault-is-not-waited-for", "RUN-15",
       "a guest goes on without the page that a userfaultfd is to supply"},
      {Bug::kPopulateClaimsSuccess, "populate-claims-success", "RUN-17",
       "MADV_POPULATE_WRITE returns 0 whatever it could not do"},
      {Bug::kEmulatorIgnoresSignals, "emulator-ignores-signals", "RUN-35",
       "a signal does not end a wait of KVM itself for a page"},
      {Bug::kUserfaultHoldsUpOtherVcpus, "userfault-holds-up-other-vcpus", "RUN-37",
       "no vCPU is entered while one waits for its page"},
      {Bug::kPoisonHoldsTheVcpu, "poison-holds-the-vcpu", "RUN-42",
       "a poisoned page is tried again and again"},
      {Bug::kUserfaultHoldsUpNoUpdate, "userfault-holds-up-no-update", "RUN-43",
       "a change of slots does not wait for a vCPU that waits for its page"},
      {Bug::kProtectedPageIsWritten, "protected-page-is-written", "RUN-44",
       "a guest's write gets through the protection of a userfaultfd"},
      // --- exits
      {Bug::kReservedAttributesAreRefused, "reserved-attributes-are-refused", "HC-02",
       "attribute bits without meaning are refused"},
      {Bug::kBadRangeExits, "bad-range-exits", "HC-03",
       "a range that is unaligned, empty or wraps exits"},
      {Bug::kExitsThoughNotEnabled, "exits-though-not-enabled", "HC-04",
       "the hypercall exits although nobody asked for it"},
      {Bug::kAnswerIsNotPreset, "answer-is-not-preset", "HC-05",
       "an answer that was left alone is not 0"},
      {Bug::kPlainAnswerIsChecked, "plain-answer-is-checked", "HC-06",
       "an answer that is neither 0 nor an errno fails KVM_RUN"},
  };
  return bugs;
}

}  // namespace kct::model
