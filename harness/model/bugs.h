// SPDX-License-Identifier: GPL-2.0-only
// Bugs planted in the model on purpose, to see that somebody notices. Two kinds:
//
//   a check of the arguments is dropped, or answers with another errno (every row of checks.h)
//   a behaviour is wrong (the list below)
//
// Each has a name and the clause that has to be blamed for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/spec/clause_id.h"

namespace kct::model {

enum class Bug : uint8_t {
  kNone,
  // --- KVM_PRE_FAULT_MEMORY
  kPrefaultSaysNoSlotWhileDeleted,
  kPrefaultSaysNoSlotWhileMoved,
  kPrefaultSaysAgainForNoSlot,
  kPrefaultLosesProgress,
  kPrefaultKeepsSize,
  kPrefaultShrinksSizeOnFailure,
  kPrefaultClaimsAll,
  kPrefaultSkipsHoles,
  kPrefaultOvershoots,
  kPrefaultWaitsForGoingSlot,
  kPrefaultSpinsOnStaleRoot,
  kPrefaultSpinsOnRootLostMeanwhile,
  kPrefaultIsNoReader,
  kPrefaultTakesNoMutex,
  kPrefaultFailsWhereMapped,
  kPrefaultDirties,
  kPrefaultRefusesReadonly,
  kPrefaultIgnoresSmm,
  kPrefaultDescribesEfault,
  kPrefaultHidesMemoryFault,
  kPrefaultIgnoresSignals,
  kPrefaultForgetsProgressOnSignal,
  kPrefaultLeavesNoMarkOfASignal,
  kPrefaultBadPointerIsEinval,
  kPrefaultWritesBackFirst,
  kPrefaultPaddingIsChecked,
  kPrefaultCapabilityIsMissing,
  kPrefaultIsAVmIoctl,
  kPrefaultLooksAtPagingFirst,
  kPrefaultIsOpenToOthers,
  kPrefaultWrites,
  kPrefaultSharesPagesForWriting,
  kPrefaultWantsWritableMemory,
  kPrefaultDoesNotWaitForPages,
  kPrefaultHeedsImmediateExit,
  kPrefaultSpinsOnceSlotAndRootAreGone,
  kPrefaultSpinsOnRootLostToParameter,
  kPrefaultSaysAgainOnInvalidation,
  kPrefaultsExcludeEachOther,
  kPrefaultTouchesRun,
  kPrefaultMapsPoison,
  kPoisonIsSilent,
  kPoisonHoldsTheCaller,
  // --- KVM_SET_USER_MEMORY_REGION
  kDeleteIsIgnored,
  kDeleteLeavesEntries,
  kMoveLeavesTheOldPlace,
  kMoveLeavesEntries,
  kDeleteSparesOthersDespiteQuirk,
  kDeleteDropsOthersWithoutQuirk,
  kUpdateDoesNotWaitForReaders,
  kUpdateTakesNoLock,
  kUpdateWaitsForRunningVcpus,
  kTogglingInvalidates,
  kTogglingIsIgnored,
  kRepeatingIsRefused,
  kFailedMoveLosesTheSlot,
  kQuirkStaysOn,
  kQuirkIsNotOffered,
  kCreationIsIgnored,
  kCreationWantsMappedMemory,
  kCreationRefusesDirtyLogging,
  kCreationRefusesGuestMemfd,
  kCreationRefusesSharedMemory,
  kCreationWithoutMemoryLeavesASlot,
  kDeleteIsUnchecked,
  kMoveIsInItsOwnWay,
  kCloseTakesNoLock,
  kUpdateGivesUpUnderPrefaults,
  kUpdateMissesTheLastReader,
  kUpdateIsHeldByInvalidations,
  kRegionBadPointerIsEinval,
  kRegionPaddingIsChecked,
  kForeignProcessIsWelcome,
  // --- KVM_RUN
  kRunSaysAgainWhileSlotGoes,
  kAccessIsMmioWhileSlotGoes,
  kEmulatedAccessFailsWhileSlotGoes,
  kEmulationUsesOldSlots,
  kHostChangesAreMissed,
  kChangedMemoryIsKept,
  kInvalidationSparesSecondSlot,
  kInvalidationFailsUnderCalls,
  kRunFailsOnInvalidation,
  kRunFailsOnAnyInvalidation,
  kGuestLeavesWithTheChild,
  kAnsweredLoadIsMadeAgain,
  kToldStoreIsMadeAgain,
  kRunWithoutCodeIsAShutdown,
  kRunWithoutTablesNeverEnds,
  kReadonlySlotIsWritten,
  kMmioOutlivesCreation,
  kMmioOutlivesATurn,
  // --- KVM_GET_DIRTY_LOG
  kDirtyLogLosesWrites,
  kDirtyLogIsFull,
  kNoDirtyLogIsInvalid,
  kDirtyLogStaysWhenRead,
  kDirtyLogDoesNotMove,
  kDirtyLogOutlivesItsFlag,
  kFailedReadEmptiesTheDirtyLog,
  // --- KVM_RUN and memory faults
  kMemoryFaultCapabilityIsMissing,
  kForbiddenMemoryIsMmio,
  kFailedAccessIsSkipped,
  kRunTouchesItsReasonFirst,
  kMmioIsRoundedDown,
  kImmediateExitForgetsTheAnswer,
  kGuestPoisonIsSilent,
  kPoisonHoldsTheVcpu,
  kUserfaultIgnoresSignals,
  kUserfaultIsNotWaitedFor,
  kUserfaultHoldsUpOtherVcpus,
  kProtectedPageIsWritten,
  kUserfaultHoldsUpNoUpdate,
  kEmulatorIgnoresSignals,
  kPopulateClaimsSuccess,
  kMemoryFaultHidesPrivate,
  kBadMemoryIsDescribed,
  kEmulatorFailsOnBadMemory,
  kClosedFileIsReached,
  kPoisonIsBadAddress,
  kPrivateWithoutSlotIsMmio,
  kPrivateReachesHostMemory,
  kMismatchIsIgnored,
  kDeadVmAnswers,
  // --- guest_memfd
  kGmemCapabilityIsMissing,
  kGmemIsUnknown,
  kGmemFlagsAreNotTold,
  kGmemFlagsNeedEachOther,
  kGmemReservedIsChecked,
  kGmemBadPointerIsEinval,
  kGmemIsCloseOnExec,
  kFileShowsAnotherSize,
  kFileIsResizable,
  kFileIsMappedPrivately,
  kMappingBecomesExecutable,
  kDroppedMappingIsPunched,
  kAllocationIgnoresSignals,
  kInterruptedAllocationIsUndone,
  kPolicyIsIgnored,
  kMappingsDoNotKeepTheFile,
  kFileDoesNotKeepItsVm,
  kCloseIsIgnored,
  kGuestHasACopy,
  kFileIsMappedHuge,
  kPrefaultAllocatesNothing,
  kHostReachesPrivateFile,
  kFreshPageIsNotZero,
  kPunchedPageStays,
  kFreedPageStaysPrivate,
  kContentsGoWithSlot,
  kSlotOfClosedFileStays,
  kMappableFileIsInert,
  kEmulatorReachesFile,
  kInertFileBacksSlot,
  kPoisonIsNotNoticed,
  kPoisonOutlivesPunch,
  kLargeFileIsRefused,
  kAllocationIsLazy,
  kEveryFileIsMappable,
  kRemovedPagesStay,
  kMappingCollapses,
  kPunchedPageStaysMapped,
  kMemoryFaultIsSuccess,
  kMemoryFaultNamesTheAccess,
  // --- attributes
  kRepeatedAttributesAreRefused,
  kAttributesNeedSlot,
  kAttributesGoWithSlot,
  kAttributesAreHalfApplied,
  kConversionDropsContents,
  kConversionFailsWhereMapped,
  kAttributesAreForEveryVm,
  kNoAttributesAreRefused,
  kMemoryStartsPrivate,
  kRepeatedAttributesUnmap,
  kAttributesStopForSignals,
  kConversionLeavesOldView,
  kHugePageSpansKinds,
  kConversionKeepsMappings,
  kAttributesBadPointerIsEinval,
  kFileTakesIoctls,
  kFileWithoutMemoryIsBare,
  // --- exits for faults
  kMissingPageIsWaitedFor,
  kUserfaultBitIsIgnored,
  kUserfaultSparesTheEmulator,
  // --- conversion in place
  kPreservingDropsContents,
  kZeroingKeepsContents,
  kHostKeepsConvertedPage,
  kConversionIgnoresHolders,
  kHolderIsNotNamed,
  kFailedConversionIsHalfDone,
  kFailedConversionUnmaps,
  kMismatchIsBare,
  kMmioOutlivesConversion,
  kPrefaultIgnoresAttributes,
  kPrefaultSaysAgainOnFlip,
  // --- exits
  kReservedAttributesAreRefused,
  kBadRangeExits,
  kExitsThoughNotEnabled,
  kAnswerIsNotPreset,
  kPlainAnswerIsChecked,
  // --- SEV-SNP
  kUpdateSaysWhy,
  kPopulateTakesPageTwice,
  kUpdateLosesProgress,
  kPopulateTakesSharedPages,
  kUpdateCrossesSlots,
  kFinishProtectsLate,
  kFinishLeavesPrefaultOff,
  kSizeMismatchIsNotSplit,
  kSplitForgetsValidation,
  kSmallRmpFaultFails,
  kRmpFaultExits,
  kConversionFreesPrivatePages,
  kFaultLeavesPageShared,
  kUnknownPageStateExits,
  kRefusedStateChangeFailsRun,
  kUnknownAnswerIsTaken,
  kExitConverts,
  // --- TDX
  kRegionHidesItsFailure,
  kRegionForgetsItsProgress,
  kLaunchDoesNotWaitForVcpus,
  kTdxReachesUnacceptedPage,
  kTdxRetriesWhileSlotGoes,
  kUnalignedMapGpaExits,
  kMapGpaIsOneExit,
  kMapGpaStopsAfterOneExit,
  kMapGpaForgetsWhereItWas,
  kPrivatePagesOutliveSlot,
  kPrivatePagesOutliveConversion,
  // --- shadow paging
  kTrackingZapsNothing,
  kTrackingLooksBeforeTheWrite,
  kShadowedEntryIsNotReread,
  kShadowPagesOutliveTheSlots,
  kAbsentEntryIsKept,
  kNextEntryIsMissed,
  kStatisticIsMissing,
  // --- mmu notifiers
  kDroppedPageStays,
  kInvalidationLeavesEntries,
  kFaultMapsStalePage,
  kFaultFailsDuringInvalidation,
  kUpdateDoesNotWaitForInvalidations,
  kCount
};

struct BehaviourBug {
  Bug bug;
  std::string_view name;  // "prefault-loses-progress"
  ClauseId clause;        // that has to be blamed
  std::string_view description;
};

// Those that the suites of tests have to notice.
const std::vector<BehaviourBug>& BehaviourBugs();
const std::vector<BehaviourBug>& FaultBugs();
const std::vector<BehaviourBug>& GmemBugs();
const std::vector<BehaviourBug>& ShadowBugs();
const std::vector<BehaviourBug>& ConvertBugs();
// Those that the model's own scenarios have to notice: of areas that have no suite yet.
const std::vector<BehaviourBug>& AreaBugs();

enum class CheckFault : uint8_t { kNone, kDropped, kOtherErrno };

// The bug in force: one of the three members, or none.
struct Planted {
  Bug bug = Bug::kNone;
  int check = -1;  // index into AllChecks()
  CheckFault fault = CheckFault::kNone;

  bool Is(Bug one) const { return bug == one; }
  bool operator==(const Planted&) const = default;
};

struct PlantedBug {
  std::string name;  // "check-region-overlap-dropped"
  ClauseId clause;
  std::string description;
  Planted planted;
};

// All that the suites have to notice: both kinds.
std::vector<PlantedBug> AllPlantedBugs();
// All that the scenarios have to notice.
std::vector<PlantedBug> AllAreaBugs();
// Of either. none: there is no bug of that name.
std::optional<Planted> FindPlantedBug(std::string_view name);

}  // namespace kct::model
