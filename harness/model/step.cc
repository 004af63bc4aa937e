// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/step.h"

#include <algorithm>
#include <cerrno>

#include "harness/base/check.h"
#include "harness/model/families.h"

namespace kct::model {

namespace {

struct Family {
  Choices (*choices)(const Rules&, const State&, const Pending&);
  void (*take)(const Rules&, State&, Pending&, const Choice&);
};

Family FamilyOf(Kind kind) {
  switch (kind) {
    case Kind::kSetAttributes:
    case Kind::kPunchGuestMemfd:
    case Kind::kDropHost:
    case Kind::kConvertGuestMemfd:
      return {InvalidationChoices, TakeInvalidation};
    case Kind::kCreateGuestMemfd:
    case Kind::kCloseGuestMemfd:
    case Kind::kAllocateGuestMemfd:
    case Kind::kPoisonGuestMemfd:
    case Kind::kHoldGuestMemfd:
    case Kind::kReadHost:
    case Kind::kWriteHost:
      return {HostMemoryChoices, TakeHostMemory};
    case Kind::kEnableExits:
    case Kind::kMapGpaRange:
    case Kind::kAnswerExit:
      return {ExitChoices, TakeExit};
    case Kind::kAccept:
      return {AccessChoices, TakeAccess};
    case Kind::kCreateVcpu:
    case Kind::kSnpInit:
    case Kind::kSnpLaunchStart:
    case Kind::kSnpLaunchFinish:
    case Kind::kTdxInitVm:
    case Kind::kTdxInitVcpu:
    case Kind::kTdxFinalizeVm:
      return {LaunchChoices, TakeLaunch};
    case Kind::kSnpLaunchUpdate:
    case Kind::kTdxInitMemRegion:
      return {PopulateChoices, TakePopulate};
    case Kind::kWritePageTable:
    case Kind::kTranslate:
      return {ShadowChoices, TakeShadow};
    default:
      return {SimpleChoices, TakeSimple};
  }
}

// Of a dead VM nothing answers that KVM's file descriptors take.
bool IsRefusedAsDead(const Rules& rules, const State& state, Kind kind) {
  if (state.rare.untouched() || !state.rare->dead || rules.planted.Is(Bug::kDeadVmAnswers)) {
    return false;
  }
  return kind != Kind::kReadHost && kind != Kind::kWriteHost && kind != Kind::kDropHost &&
         kind != Kind::kPunchGuestMemfd && kind != Kind::kAllocateGuestMemfd &&
         kind != Kind::kPoisonGuestMemfd && kind != Kind::kHoldGuestMemfd &&
         kind != Kind::kCloseGuestMemfd;
}

}  // namespace

std::string_view Describe(Phase phase) {
  switch (phase) {
    case Phase::kCalled:
      return "called";
    case Phase::kInvalidated:
      return "slot marked, waits for readers";
    case Phase::kSwapped:
      return "new layout in force, waits for readers";
    case Phase::kReading:
      return "reads the slots";
    case Phase::kInGuest:
      return "in the guest";
    case Phase::kFaulted:
      return "found an entry of another size";
    case Phase::kOver:
      return "over";
  }
  return "?";
}

Choices NextChoices(const Rules& rules, const State& state, const Pending& call) {
  if (call.phase == Phase::kCalled && IsRefusedAsDead(rules, state, call.op.kind)) {
    return One({.move = Move::kFail, .error = Errno(EIO), .clause = "RUN-31"});
  }
  switch (call.op.kind) {
    case Kind::kSetRegion:
      return UpdateChoices(rules, state, call);
    case Kind::kPreFault:
      return PreFaultChoices(rules, state, call);
    case Kind::kAccess:
      return AccessChoices(rules, state, call);
    default:
      return FamilyOf(call.op.kind).choices(rules, state, call);
  }
}

void Take(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  switch (call.op.kind) {
    case Kind::kSetRegion:
      return TakeUpdate(rules, state, call, choice);
    case Kind::kPreFault:
      return TakePreFault(rules, state, call, choice);
    case Kind::kAccess:
      return TakeAccess(rules, state, call, choice);
    default:
      return FamilyOf(call.op.kind).take(rules, state, call, choice);
  }
}

void EnterReaders(State& state, Pending& call) {
  ++state.new_readers;
  call.since = state.swaps;
}

void LeaveReaders(State& state, const Pending& call) {
  uint8_t& readers = call.since == state.swaps ? state.new_readers : state.old_readers;
  KCT_CHECK(readers > 0);
  --readers;
}

void CountSwap(State& state) {
  state.old_readers = static_cast<uint8_t>(state.old_readers + state.new_readers);
  state.new_readers = 0;
  ++state.swaps;
}

void End(Pending& call, Errno error) {
  call.outcome.error = error;
  call.phase = Phase::kOver;
}

namespace {

bool Before(const Entry& entry, uint32_t space, uint64_t gfn) {
  return entry.space != space ? entry.space < space : entry.gfn < gfn;
}

}  // namespace

const Entry* FindEntry(const State& state, uint32_t space, uint64_t gfn) {
  const auto found = std::lower_bound(
      state.entries.begin(), state.entries.end(), gfn,
      [&](const Entry& entry, uint64_t wanted) { return Before(entry, space, wanted); });
  if (found == state.entries.end() || found->space != space || found->gfn != gfn) return nullptr;
  return &*found;
}

void AddEntry(const Rules& rules, State& state, uint32_t space, uint64_t gfn, Access access) {
  if (!rules.track_entries) return;
  const auto place = std::lower_bound(
      state.entries.begin(), state.entries.end(), gfn,
      [&](const Entry& entry, uint64_t wanted) { return Before(entry, space, wanted); });
  if (place != state.entries.end() && place->space == space && place->gfn == gfn) {
    place->writable = place->writable || access == Access::kWrite;
  } else {
    state.entries.insert(place, {space, gfn, access == Access::kWrite});
  }
}

}  // namespace kct::model
