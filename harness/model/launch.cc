// SPDX-License-Identifier: GPL-2.0-only
// The commands that bring up a confidential VM in one step or two: svm/sev.c:snp_launch_start and
// snp_launch_finish, vmx/tdx.c:tdx_td_init, tdx_vcpu_init, tdx_td_finalize.
#include <cerrno>

#include "harness/model/checks.h"
#include "harness/model/families.h"

namespace kct::model {
namespace {

bool TakesAllVcpus(Kind kind) {
  return kind == Kind::kSnpLaunchFinish || kind == Kind::kTdxInitVm || kind == Kind::kTdxInitVcpu ||
         kind == Kind::kTdxFinalizeVm;
}

bool TakesSlotsLock(Kind kind) {
  return kind == Kind::kTdxInitVm || kind == Kind::kTdxInitVcpu || kind == Kind::kTdxFinalizeVm;
}

Choices StepChoices(const Rules& rules, const State& state, const Pending& call) {
  const Operation& op = call.op;
  switch (op.kind) {
    case Kind::kSnpLaunchStart: {
      Choices choices = One({.move = Move::kFinish, .clause = "SNP-09"});
      if (op.may_fault) {
        choices.push_back({.move = Move::kFail, .error = Errno(ENOTTY), .clause = "SNP-10"});
      }
      return choices;
    }
    case Kind::kSnpLaunchFinish: {
      // The vCPUs' state is encrypted before anything else is looked at.
      const bool late = rules.planted.Is(Bug::kFinishProtectsLate);
      if (call.phase == Phase::kCalled && !late) {
        return One({.move = Move::kProtect, .clause = "SNP-18"});
      }
      Choices choices;
      if (state.rare->launch != Launch::kFinished) {
        choices.push_back({.move = Move::kFinish, .clause = "SNP-19"});
      } else {
        choices.push_back({.move = Move::kFail, .error = Errno(EIO), .clause = "SNP-17"});
      }
      if (op.may_fault) {
        choices.push_back({.move = Move::kFail, .error = Errno(EFAULT), .clause = "SNP-17"});
      }
      return choices;
    }
    case Kind::kTdxInitVm:
      return One({.move = Move::kFinish, .clause = "TDX-06"});
    case Kind::kTdxInitVcpu:
      return One({.move = Move::kFinish, .clause = "TDX-11"});
    case Kind::kTdxFinalizeVm:
      return One({.move = Move::kFinish, .clause = "TDX-16"});
    case Kind::kCreateVcpu:
      return One({.move = Move::kFinish, .clause = "TDX-10"});
    default:
      return One({.move = Move::kFinish, .clause = "SNP-04"});
  }
}

void Finish(const Rules& rules, Rare& rare, const Operation& op) {
  switch (op.kind) {
    case Kind::kCreateVcpu:
      rare.created_vcpus = static_cast<uint8_t>(rare.created_vcpus | BitOf(op.vcpu));
      return;
    case Kind::kSnpInit:
    case Kind::kTdxInitVm:
      rare.launch = Launch::kInitialized;
      return;
    case Kind::kSnpLaunchStart:
      rare.launch = Launch::kStarted;
      return;
    case Kind::kTdxInitVcpu:
      rare.initialized_vcpus = static_cast<uint8_t>(rare.initialized_vcpus | BitOf(op.vcpu));
      return;
    default:
      rare.protected_vcpus = rare.created_vcpus;
      if (!rules.planted.Is(Bug::kFinishLeavesPrefaultOff)) rare.launch = Launch::kFinished;
      return;
  }
}

}  // namespace

Choices LaunchChoices(const Rules& rules, const State& state, const Pending& call) {
  const Operation& op = call.op;
  if (call.phase != Phase::kCalled) return StepChoices(rules, state, call);
  const bool waits_for_vcpus =
      TakesAllVcpus(op.kind) && !rules.planted.Is(Bug::kLaunchDoesNotWaitForVcpus);
  if (waits_for_vcpus && state.busy_vcpus != 0) return {};
  if (TakesSlotsLock(op.kind) && state.slots_lock) return {};
  if (const Check* check = FirstRefusal(rules, state, op)) {
    return One({.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
  }
  return StepChoices(rules, state, call);
}

void TakeLaunch(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  if (choice.move == Move::kProtect) {
    Rare& rare = state.rare.Write();
    rare.protected_vcpus = rare.created_vcpus;
    call.phase = Phase::kSwapped;
    return;
  }
  if (choice.move == Move::kFinish) Finish(rules, state.rare.Write(), call.op);
  End(call, choice.error);
}

}  // namespace kct::model
