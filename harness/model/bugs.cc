// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/bugs.h"

#include <fmt/format.h>

#include "harness/model/checks.h"

namespace kct::model {

const std::vector<BehaviourBug>& BehaviourBugs() {
  static const std::vector<BehaviourBug> bugs = {
      {Bug::kPrefaultSaysNoSlotWhileDeleted, "prefault-says-no-slot-while-deleted", "PREFAULT-36",
       "ENOENT instead of EAGAIN for a slot that is being deleted"},
      {Bug::kPrefaultSaysNoSlotWhileMoved, "prefault-says-no-slot-while-moved", "PREFAULT-38",
       "ENOENT instead of EAGAIN for a slot that is being moved"},
      {Bug::kPrefaultSaysAgainForNoSlot, "prefault-says-again-for-no-slot", "PREFAULT-15",
       "EAGAIN instead of ENOENT where there is no slot"},
      {Bug::kPrefaultLosesProgress, "prefault-loses-progress", "PREFAULT-18",
       "an error although pages were done"},
      {Bug::kPrefaultKeepsSize, "prefault-keeps-size", "PREFAULT-19",
       "success leaves gpa and size as they were"},
      {Bug::kPrefaultShrinksSizeOnFailure, "prefault-shrinks-size-on-failure", "PREFAULT-19",
       "failure moves the range on by a page"},
      {Bug::kPrefaultClaimsAll, "prefault-claims-all", "PREFAULT-18",
       "success with nothing left although a page could not be done"},
      {Bug::kPrefaultSkipsHoles, "prefault-skips-holes", "PREFAULT-17",
       "pages without a slot are passed over"},
      {Bug::kPrefaultOvershoots, "prefault-overshoots", "PREFAULT-21",
       "the range ends a page behind where it ended"},
      {Bug::kPrefaultWaitsForGoingSlot, "prefault-waits-for-going-slot", "PREFAULT-36",
       "no answer while the slot is being deleted or moved, which waits for the prefault"},
      {Bug::kPrefaultSpinsOnStaleRoot, "prefault-spins-on-stale-root", "PREFAULT-50",
       "no answer once the vCPU's root is obsolete"},
      {Bug::kPrefaultSpinsOnRootLostMeanwhile, "prefault-spins-on-root-lost-meanwhile",
       "PREFAULT-39", "no answer if the root became obsolete after the call began"},
      {Bug::kPrefaultIsNoReader, "prefault-is-no-reader", "PREFAULT-42",
       "updates don't wait for prefaults"},
      {Bug::kPrefaultTakesNoMutex, "prefault-takes-no-mutex", "PREFAULT-44",
       "prefault does not wait for KVM_RUN of its vCPU"},
      {Bug::kPrefaultFailsWhereMapped, "prefault-fails-where-mapped", "PREFAULT-20",
       "EEXIST for a page that is mapped"},
      {Bug::kPrefaultDirties, "prefault-dirties", "PREFAULT-24",
       "untouched pages are in the dirty log after a prefault"},
      {Bug::kPrefaultRefusesReadonly, "prefault-refuses-readonly", "PREFAULT-25",
       "EFAULT for a read-only slot"},
      {Bug::kPrefaultIgnoresSmm, "prefault-ignores-smm", "PREFAULT-46",
       "address space 0, whatever the vCPU's mode"},
      {Bug::kPrefaultDescribesEfault, "prefault-describes-efault", "PREFAULT-27",
       "a bare EFAULT fills kvm_run"},
      {Bug::kPrefaultHidesMemoryFault, "prefault-hides-memory-fault", "PREFAULT-33",
       "kvm_run says nothing about a page without its guest_memfd"},
      {Bug::kPrefaultIgnoresSignals, "prefault-ignores-signals", "PREFAULT-52",
       "a signal does not end a prefault that waits"},
      {Bug::kPrefaultForgetsProgressOnSignal, "prefault-forgets-progress-on-signal", "PREFAULT-30",
       "EINTR although pages were done"},
      {Bug::kPrefaultLeavesNoMarkOfASignal, "prefault-leaves-no-mark-of-a-signal", "PREFAULT-29",
       "kvm_run says nothing about a signal that ended the wait for a page"},
      {Bug::kPrefaultBadPointerIsEinval, "prefault-bad-pointer-is-einval", "PREFAULT-08",
       "EINVAL for an argument that can't be read"},
      {Bug::kPrefaultWritesBackFirst, "prefault-writes-back-first", "PREFAULT-09",
       "an argument that can't be written stops the call before its work"},
      {Bug::kPrefaultPaddingIsChecked, "prefault-padding-is-checked", "PREFAULT-07",
       "EINVAL for padding that is not zero"},
      {Bug::kPrefaultCapabilityIsMissing, "prefault-capability-is-missing", "PREFAULT-01",
       "the capability reads 0 with two-dimensional paging"},
      {Bug::kPrefaultIsAVmIoctl, "prefault-is-a-vm-ioctl", "PREFAULT-02",
       "the ioctl returns 0 on a VM"},
      {Bug::kPrefaultLooksAtPagingFirst, "prefault-looks-at-paging-first", "PREFAULT-10",
       "EOPNOTSUPP for a bad argument under shadow paging"},
      {Bug::kPrefaultIsOpenToOthers, "prefault-is-open-to-others", "PREFAULT-45",
       "a prefault from another process returns 0"},
      {Bug::kPrefaultWrites, "prefault-writes", "PREFAULT-22",
       "the host page is brought in for writing"},
      {Bug::kPrefaultSharesPagesForWriting, "prefault-shares-pages-for-writing", "PREFAULT-22",
       "the guest's write to a prefaulted page is in all prefaulted pages"},
      {Bug::kPrefaultWantsWritableMemory, "prefault-wants-writable-memory", "PREFAULT-26",
       "EFAULT for memory that the host may only read"},
      {Bug::kPrefaultDoesNotWaitForPages, "prefault-does-not-wait-for-pages", "PREFAULT-49",
       "EAGAIN for a page that a userfaultfd has been asked for"},
      {Bug::kPrefaultHeedsImmediateExit, "prefault-heeds-immediate-exit", "PREFAULT-30",
       "EINTR while kvm_run.immediate_exit is set"},
      {Bug::kPrefaultSpinsOnceSlotAndRootAreGone, "prefault-spins-once-slot-and-root-are-gone",
       "PREFAULT-40", "no answer if both the root and the slot went after the call began"},
      {Bug::kPrefaultSpinsOnRootLostToParameter, "prefault-spins-on-root-lost-to-parameter",
       "PREFAULT-41", "no answer if nx_huge_pages was switched after the call began"},
      {Bug::kPrefaultSaysAgainOnInvalidation, "prefault-says-again-on-invalidation", "PREFAULT-43",
       "EAGAIN if the host dropped pages meanwhile"},
      {Bug::kPrefaultsExcludeEachOther, "prefaults-exclude-each-other", "PREFAULT-44",
       "a prefault waits for those of other vCPUs"},
      {Bug::kPrefaultTouchesRun, "prefault-touches-run", "PREFAULT-48",
       "kvm_run.exit_reason is reset by every prefault"},
      {Bug::kPrefaultMapsPoison, "prefault-maps-poison", "PREFAULT-34",
       "a poisoned page is mapped like any other"},
      {Bug::kPoisonIsSilent, "poison-is-silent", "PREFAULT-31", "no SIGBUS for a poisoned page"},
      {Bug::kPoisonHoldsTheCaller, "poison-holds-the-caller", "PREFAULT-54",
       "no answer for a poisoned page while SIGBUS is blocked"},
      {Bug::kDeleteIsIgnored, "delete-is-ignored", "MEMSLOT-01", "a delete returns 0 and is none"},
      {Bug::kDeleteLeavesEntries, "delete-leaves-entries", "MEMSLOT-28",
       "the guest still reaches memory whose slot was deleted"},
      {Bug::kMoveLeavesTheOldPlace, "move-leaves-the-old-place", "MEMSLOT-01",
       "a move returns 0 and is none"},
      {Bug::kMoveLeavesEntries, "move-leaves-entries", "MEMSLOT-29",
       "the guest still finds the memory where it was"},
      {Bug::kDeleteSparesOthersDespiteQuirk, "delete-spares-others-despite-quirk", "MEMSLOT-32",
       "entries of other slots stay with the quirk in force"},
      {Bug::kDeleteDropsOthersWithoutQuirk, "delete-drops-others-without-quirk", "MEMSLOT-46",
       "entries of other slots go with the quirk disabled"},
      {Bug::kUpdateDoesNotWaitForReaders, "update-does-not-wait-for-readers", "PREFAULT-42",
       "an update returns while a prefault is under way"},
      {Bug::kUpdateTakesNoLock, "update-takes-no-lock", "MEMSLOT-38", "updates run side by side"},
      {Bug::kUpdateWaitsForRunningVcpus, "update-waits-for-running-vcpus", "MEMSLOT-37",
       "an update waits until no vCPU is in KVM_RUN"},
      {Bug::kTogglingInvalidates, "toggling-invalidates", "MEMSLOT-31",
       "the slot is missing while dirty logging goes on or off"},
      {Bug::kTogglingIsIgnored, "toggling-is-ignored", "MEMSLOT-06", "the flags stay as they were"},
      {Bug::kRepeatingIsRefused, "repeating-is-refused", "MEMSLOT-02",
       "EEXIST for a slot set to what it is"},
      {Bug::kFailedMoveLosesTheSlot, "failed-move-loses-the-slot", "MEMSLOT-15",
       "a move that fails leaves the slot marked for good"},
      {Bug::kQuirkStaysOn, "quirk-stays-on", "MEMSLOT-46", "the quirk can't be disabled"},
      {Bug::kQuirkIsNotOffered, "quirk-is-not-offered", "MEMSLOT-33",
       "the quirk is not among those that can be disabled"},
      {Bug::kCreationIsIgnored, "creation-is-ignored", "MEMSLOT-01",
       "a creation returns 0 and is none"},
      {Bug::kCreationWantsMappedMemory, "creation-wants-mapped-memory", "MEMSLOT-13",
       "EFAULT for a host range without a mapping"},
      {Bug::kCreationRefusesDirtyLogging, "creation-refuses-dirty-logging", "MEMSLOT-20",
       "EINVAL for a new slot that logs dirty pages"},
      {Bug::kCreationRefusesGuestMemfd, "creation-refuses-guest-memfd", "MEMSLOT-20",
       "EINVAL for a new slot on a guest_memfd"},
      {Bug::kCreationRefusesSharedMemory, "creation-refuses-shared-memory", "MEMSLOT-09",
       "EEXIST for host memory that another slot has"},
      {Bug::kCreationWithoutMemoryLeavesASlot, "creation-without-memory-leaves-a-slot",
       "MEMSLOT-24", "a creation that runs out of memory takes its place all the same"},
      {Bug::kDeleteIsUnchecked, "delete-is-unchecked", "MEMSLOT-11",
       "a delete with bad flags or addresses is made"},
      {Bug::kMoveIsInItsOwnWay, "move-is-in-its-own-way", "MEMSLOT-08",
       "EEXIST for a move by less than the slot's size"},
      {Bug::kCloseTakesNoLock, "close-takes-no-lock", "MEMSLOT-38",
       "the last close of a guest_memfd does not wait for an update"},
      {Bug::kUpdateGivesUpUnderPrefaults, "update-gives-up-under-prefaults", "PREFAULT-51",
       "EAGAIN for an update while a prefault is under way"},
      {Bug::kUpdateMissesTheLastReader, "update-misses-the-last-reader", "MEMSLOT-44",
       "an update that waits for a prefault does not see it leave"},
      {Bug::kUpdateIsHeldByInvalidations, "update-is-held-by-invalidations", "MEMSLOT-36",
       "an update that met an invalidation by the host never returns"},
      {Bug::kRegionBadPointerIsEinval, "region-bad-pointer-is-einval", "MEMSLOT-23",
       "EINVAL for an argument that can't be read"},
      {Bug::kRegionPaddingIsChecked, "region-padding-is-checked", "MEMSLOT-22",
       "EINVAL for padding that is not zero"},
      {Bug::kForeignProcessIsWelcome, "foreign-process-is-welcome", "MEMSLOT-42",
       "calls from another process return 0"},
      {Bug::kRunSaysAgainWhileSlotGoes, "run-says-again-while-slot-goes", "MEMSLOT-27",
       "KVM_RUN fails with EAGAIN for a slot that is being deleted or moved"},
      {Bug::kAccessIsMmioWhileSlotGoes, "access-is-mmio-while-slot-goes", "MEMSLOT-27",
       "an access to a slot that is going is MMIO before it is gone"},
      {Bug::kEmulatedAccessFailsWhileSlotGoes, "emulated-access-fails-while-slot-goes",
       "MEMSLOT-30", "EFAULT where KVM's own access misses a slot that is going"},
      {Bug::kEmulationUsesOldSlots, "emulation-uses-old-slots", "MEMSLOT-28",
       "KVM's own accesses still reach the memory of a deleted slot"},
      {Bug::kHostChangesAreMissed, "host-changes-are-missed", "MEMSLOT-26",
       "the guest goes on with memory that the host has replaced or unmapped"},
      {Bug::kChangedMemoryIsKept, "changed-memory-is-kept", "MN-04",
       "the guest goes on with the page that it used first, whatever its process sees"},
      {Bug::kInvalidationSparesSecondSlot, "invalidation-spares-second-slot", "MN-01",
       "of two slots with the same memory one keeps the page that it used first"},
      {Bug::kInvalidationFailsUnderCalls, "invalidation-fails-under-calls", "MN-02",
       "EBUSY for a change of memory while a vCPU is in a call"},
      {Bug::kRunFailsOnInvalidation, "run-fails-on-invalidation", "MN-05",
       "EAGAIN for an access that meets an invalidation of its page"},
      {Bug::kRunFailsOnAnyInvalidation, "run-fails-on-any-invalidation", "MN-32",
       "EAGAIN for an access that meets an invalidation of any page"},
      {Bug::kGuestLeavesWithTheChild, "guest-leaves-with-the-child", "MN-06",
       "after fork() the guest goes on with pages that are not its process's"},
      {Bug::kAnsweredLoadIsMadeAgain, "answered-load-is-made-again", "MEMSLOT-49",
       "a load that user space has answered is tried again"},
      {Bug::kToldStoreIsMadeAgain, "told-store-is-made-again", "MEMSLOT-49",
       "a store that user space was told of is tried again"},
      {Bug::kRunWithoutCodeIsAShutdown, "run-without-code-is-a-shutdown", "MEMSLOT-39",
       "KVM_EXIT_SHUTDOWN where no slot has the first instruction"},
      {Bug::kRunWithoutTablesNeverEnds, "run-without-tables-never-ends", "MEMSLOT-48",
       "KVM_RUN does not come back once the guest's page tables are gone"},
      {Bug::kReadonlySlotIsWritten, "readonly-slot-is-written", "MEMSLOT-05",
       "the guest's write to a read-only slot changes memory"},
      {Bug::kMmioOutlivesCreation, "mmio-outlives-creation", "MEMSLOT-34",
       "an address once found without a slot stays MMIO"},
      {Bug::kMmioOutlivesATurn, "mmio-outlives-a-turn", "MEMSLOT-35",
       "MMIO found one turn of the generation ago is taken for fresh"},
      {Bug::kDirtyLogLosesWrites, "dirty-log-loses-writes", "DIRTY-01",
       "writes of the guest are not logged"},
      {Bug::kDirtyLogIsFull, "dirty-log-is-full", "PREFAULT-24", "all pages are in the log"},
      {Bug::kNoDirtyLogIsInvalid, "no-dirty-log-is-invalid", "DIRTY-04",
       "EINVAL for the log of a slot that has none"},
      {Bug::kDirtyLogStaysWhenRead, "dirty-log-stays-when-read", "DIRTY-02",
       "a log that was read still has its pages"},
      {Bug::kDirtyLogDoesNotMove, "dirty-log-does-not-move", "DIRTY-14",
       "a slot that moves begins a new log"},
      {Bug::kDirtyLogOutlivesItsFlag, "dirty-log-outlives-its-flag", "DIRTY-15",
       "a log that begins again still has its pages"},
      {Bug::kFailedReadEmptiesTheDirtyLog, "failed-read-empties-the-dirty-log", "DIRTY-05",
       "a log that could not be copied out is empty afterwards"},
  };
  return bugs;
}

namespace {

void Append(const std::vector<PlantedBug>& more, std::vector<PlantedBug>& all) {
  all.insert(all.end(), more.begin(), more.end());
}

std::vector<PlantedBug> PlantBehaviours(const std::vector<BehaviourBug>& behaviours) {
  std::vector<PlantedBug> all;
  for (const BehaviourBug& bug : behaviours) {
    all.push_back(
        {std::string(bug.name), bug.clause, std::string(bug.description), {.bug = bug.bug}});
  }
  return all;
}

std::vector<PlantedBug> PlantChecks(Shown shown) {
  std::vector<PlantedBug> all;
  int index = -1;
  for (const Check& check : AllChecks()) {
    ++index;
    if (check.shown != shown) continue;
    if (!check.has_a_double) {
      all.push_back({fmt::format("{}-dropped", check.name),
                     check.clause,
                     fmt::format("accepted although {}", check.when),
                     {.check = index, .fault = CheckFault::kDropped}});
    }
    all.push_back({fmt::format("{}-other-errno", check.name),
                   check.clause,
                   fmt::format("ENXIO instead of {} where {}", check.answer.Name(), check.when),
                   {.check = index, .fault = CheckFault::kOtherErrno}});
  }
  return all;
}

}  // namespace

std::vector<PlantedBug> AllPlantedBugs() {
  std::vector<PlantedBug> all = PlantBehaviours(BehaviourBugs());
  Append(PlantBehaviours(FaultBugs()), all);
  Append(PlantBehaviours(GmemBugs()), all);
  Append(PlantBehaviours(ShadowBugs()), all);
  Append(PlantBehaviours(ConvertBugs()), all);
  Append(PlantChecks(Shown::kBySuites), all);
  return all;
}

std::vector<PlantedBug> AllAreaBugs() {
  std::vector<PlantedBug> all = PlantBehaviours(AreaBugs());
  Append(PlantChecks(Shown::kByScenarios), all);
  return all;
}

std::optional<Planted> FindPlantedBug(std::string_view name) {
  for (const auto& list : {AllPlantedBugs(), AllAreaBugs()}) {
    for (const PlantedBug& bug : list) {
      if (bug.name == name) return bug.planted;
    }
  }
  return std::nullopt;
}

}  // namespace kct::model
