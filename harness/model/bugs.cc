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
      {Bug::kRunSaysAgainWhileSlotGoes, "run-says-again-while-slot-goes", "MEMSLOT-27",
       "KVM_RUN fails with EAGAIN for a slot that is being deleted or moved"},
      {Bug::kAccessIsMmioWhileSlotGoes, "access-is-mmio-while-slot-goes", "MEMSLOT-45",
       "an access to a slot that is going is MMIO before it is gone"},
      {Bug::kReadonlySlotIsWritten, "readonly-slot-is-written", "MEMSLOT-05",
       "the guest's write to a read-only slot changes memory"},
      {Bug::kMmioOutlivesCreation, "mmio-outlives-creation", "MEMSLOT-34",
       "an address once found without a slot stays MMIO"},
      {Bug::kDirtyLogLosesWrites, "dirty-log-loses-writes", "PREFAULT-53",
       "writes of the guest are not logged"},
      {Bug::kDirtyLogIsNotCleared, "dirty-log-is-not-cleared", "MEMSLOT-06",
       "reading the log does not clear it"},
      {Bug::kDirtyLogIsFull, "dirty-log-is-full", "PREFAULT-24", "all pages are in the log"},
  };
  return bugs;
}

namespace {

std::vector<PlantedBug> PlantEach(const std::vector<BehaviourBug>& behaviours, Shown shown) {
  std::vector<PlantedBug> all;
  for (const BehaviourBug& bug : behaviours) {
    all.push_back(
        {std::string(bug.name), bug.clause, std::string(bug.description), {.bug = bug.bug}});
  }
  int index = -1;
  for (const Check& check : AllChecks()) {
    ++index;
    if (check.shown != shown) continue;
    all.push_back({fmt::format("{}-dropped", check.name),
                   check.clause,
                   fmt::format("accepted although {}", check.when),
                   {.check = index, .fault = CheckFault::kDropped}});
    all.push_back({fmt::format("{}-other-errno", check.name),
                   check.clause,
                   fmt::format("ENXIO instead of {} where {}", check.answer.Name(), check.when),
                   {.check = index, .fault = CheckFault::kOtherErrno}});
  }
  return all;
}

}  // namespace

std::vector<PlantedBug> AllPlantedBugs() { return PlantEach(BehaviourBugs(), Shown::kBySuites); }

std::vector<PlantedBug> AllAreaBugs() { return PlantEach(AreaBugs(), Shown::kByScenarios); }

std::optional<Planted> FindPlantedBug(std::string_view name) {
  for (const auto& list : {AllPlantedBugs(), AllAreaBugs()}) {
    for (const PlantedBug& bug : list) {
      if (bug.name == name) return bug.planted;
    }
  }
  return std::nullopt;
}

}  // namespace kct::model
