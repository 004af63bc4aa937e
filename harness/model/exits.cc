// SPDX-License-Identifier: GPL-2.0-only
// Exits that the guest's requests for a conversion make, and what the answers do:
// arch/x86/kvm/x86.c:____kvm_emulate_hypercall, svm/sev.c:snp_begin_psc_msr and
// snp_complete_psc_msr, vmx/tdx.c:tdx_map_gpa and tdx_complete_vmcall_map_gpa.
#include <algorithm>
#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/checks.h"
#include "harness/model/families.h"

namespace kct::model {
namespace {

constexpr uint64_t kEncrypted = 1 << 4;  // KVM_MAP_GPA_RANGE_ENCRYPTED
constexpr uint64_t kNoSuchCall = ~uint64_t{0} - 999;
constexpr uint64_t kInvalidCall = ~uint64_t{0} - 21;
constexpr uint64_t kStateChangeFailed = 1;
constexpr uint64_t kStatePrivate = 1, kStateShared = 2;  // SNP: of a page
constexpr uint64_t kTdxRetry = 1;
constexpr uint64_t kTdxInvalidOperand = 0x8000000000000000;
constexpr uint64_t kTdxAlignError = 0x8000000000000002;
constexpr uint64_t kTdxUnsupported = 0x8000000000000003;
constexpr uint64_t kTdxChunk = uint64_t{2} << 20;

Choice Tell(uint64_t what, ClauseId clause) {
  return {.move = Move::kTell, .count = what, .clause = clause};
}

bool Wraps(const Operation& op) { return op.address + op.size <= op.address; }
bool IsUnaligned(const Operation& op) { return (op.address | op.size) % kPageBytes != 0; }

Choices PlainChoices(const Rules& rules, const State& state, const Operation& op) {
  if (!state.rare->exits_enabled && !rules.planted.Is(Bug::kExitsThoughNotEnabled)) {
    return One(Tell(kNoSuchCall, "HC-04"));
  }
  if (op.address % kPageBytes != 0 || op.size == 0 || Wraps(op)) {
    if (!rules.planted.Is(Bug::kBadRangeExits)) return One(Tell(kInvalidCall, "HC-03"));
  }
  if (rules.planted.Is(Bug::kReservedAttributesAreRefused) && (op.value & ~kEncrypted) != 0) {
    return One(Tell(kInvalidCall, "HC-02"));
  }
  return One({.move = Move::kExit, .clause = "HC-02"});
}

Choices SnpChoices(const Rules& rules, const State& state, const Operation& op) {
  const bool unknown = op.value != kStatePrivate && op.value != kStateShared;
  if ((unknown && !rules.planted.Is(Bug::kUnknownPageStateExits)) || !state.rare->exits_enabled) {
    return One(Tell(kStateChangeFailed, "SNP-27"));
  }
  return One({.move = Move::kExit, .clause = "SNP-27"});
}

Choices TdxChoices(const Rules& rules, const State& state, const Operation& op) {
  if (!state.rare->exits_enabled) return One(Tell(kTdxUnsupported, "TDX-23"));
  if (Wraps(op)) return One(Tell(kTdxInvalidOperand, "TDX-23"));
  if (IsUnaligned(op) && !rules.planted.Is(Bug::kUnalignedMapGpaExits)) {
    return One(Tell(kTdxAlignError, "TDX-23"));
  }
  return One({.move = Move::kExit, .clause = "TDX-24"});
}

Choices RequestChoices(const Rules& rules, const State& state, const Operation& op) {
  if ((state.running_vcpus & BitOf(op.vcpu)) == 0 || state.rare->FindExit(op.vcpu) != nullptr) {
    return {};
  }
  switch (rules.vm_type) {
    case VmType::kSnp:
      return SnpChoices(rules, state, op);
    case VmType::kTdx:
      return TdxChoices(rules, state, op);
    default:
      return PlainChoices(rules, state, op);
  }
}

uint64_t AnswerIn(const Rules& rules, const Operation& op) {
  if (op.flags != 1) return op.value;
  return rules.answer_is_not_preset || rules.planted.Is(Bug::kAnswerIsNotPreset) ? op.value : 0;
}

Choices RefuseAnswer(ClauseId clause) {
  return One({.move = Move::kFail, .error = Errno(EINVAL), .clause = clause});
}

bool TakesUnknownAnswers(const Rules& rules) {
  return rules.answer_is_not_checked || rules.planted.Is(Bug::kUnknownAnswerIsTaken);
}

Choices SnpAnswerChoices(const Rules& rules, uint64_t answer) {
  if (answer == 0) return One(Tell(0, "SNP-30"));
  const bool known = answer == EINVAL || answer == EAGAIN;
  if (known && rules.planted.Is(Bug::kRefusedStateChangeFailsRun)) return RefuseAnswer("SNP-30");
  if (known || TakesUnknownAnswers(rules)) {
    return One(Tell(kStateChangeFailed, "SNP-30"));
  }
  return RefuseAnswer("SNP-30");
}

Choices TdxAnswerChoices(const Rules& rules, const Operation& op, const OpenExit& exit,
                         uint64_t answer) {
  if (answer == EAGAIN && !rules.answer_is_not_checked) return One(Tell(kTdxRetry, "TDX-25"));
  const bool refuses = answer == EINVAL || (answer != 0 && TakesUnknownAnswers(rules));
  if (refuses) return One(Tell(kTdxInvalidOperand, "TDX-25"));
  if (answer != 0) return RefuseAnswer("TDX-25");
  if (exit.next + kTdxChunk >= exit.end || rules.planted.Is(Bug::kMapGpaStopsAfterOneExit)) {
    return One(Tell(0, "TDX-25"));
  }
  Choices choices = One({.move = Move::kExit, .clause = "TDX-24"});
  if (op.may_be_interrupted) choices.push_back(Tell(kTdxRetry, "TDX-25"));
  return choices;
}

Choices AnswerChoices(const Rules& rules, const State& state, const Operation& op) {
  const OpenExit* exit = state.rare->FindExit(op.vcpu);
  if (exit == nullptr) return {};
  const uint64_t answer = AnswerIn(rules, op);
  switch (rules.vm_type) {
    case VmType::kSnp:
      return SnpAnswerChoices(rules, answer);
    case VmType::kTdx:
      return TdxAnswerChoices(rules, op, *exit, answer);
    default:
      if (rules.planted.Is(Bug::kPlainAnswerIsChecked) && answer != 0) return RefuseAnswer("HC-06");
      return One(Tell(answer, "HC-06"));
  }
}

uint64_t AttributesInExit(const Rules& rules, const Operation& op) {
  switch (rules.vm_type) {
    case VmType::kSnp:
      return op.value == kStatePrivate ? kEncrypted : 0;
    case VmType::kTdx:
      return op.is_private ? kEncrypted : 0;
    default:
      return op.value;
  }
}

void ShowExit(const Rules& rules, State& state, Pending& call, const OpenExit& exit) {
  Rare& rare = state.rare.Write();
  std::erase_if(rare.exits, [&](const OpenExit& one) { return one.vcpu == exit.vcpu; });
  rare.exits.push_back(exit);
  call.outcome.exits = true;
  call.outcome.address = exit.next;
  call.outcome.left = exit.end - exit.next;
  if (rules.vm_type == VmType::kTdx && !rules.planted.Is(Bug::kMapGpaIsOneExit)) {
    call.outcome.left = std::min(call.outcome.left, kTdxChunk);
  }
  call.outcome.value = exit.attributes;
  if (rules.planted.Is(Bug::kExitConverts)) {
    const bool becomes_private = exit.attributes == kEncrypted;
    rare.SetAttributes(PageOf(exit.next), PageOf(exit.end - 1),
                       becomes_private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0);
  }
}

// Where the guest has to go on, if the request was not done to its end.
uint64_t AddressTold(const Rules& rules, const Operation& op, const OpenExit* exit, uint64_t told) {
  if (rules.vm_type != VmType::kTdx || told == 0) return 0;
  if (exit == nullptr) return op.address;
  if (rules.planted.Is(Bug::kMapGpaForgetsWhereItWas)) return 0;
  // A chunk that user space has answered with 0 is done.
  return AnswerIn(rules, op) == 0 ? exit->next + kTdxChunk : exit->next;
}

}  // namespace

Choices ExitChoices(const Rules& rules, const State& state, const Pending& call) {
  const Operation& op = call.op;
  if (op.kind == Kind::kMapGpaRange) return RequestChoices(rules, state, op);
  if (op.kind == Kind::kAnswerExit) return AnswerChoices(rules, state, op);
  if (const Check* check = FirstRefusal(rules, state, op)) {
    return One({.move = Move::kFail, .error = AnswerOf(rules, *check), .clause = check->clause});
  }
  return One({.move = Move::kFinish, .clause = "HC-01"});
}

void TakeExit(const Rules& rules, State& state, Pending& call, const Choice& choice) {
  const Operation& op = call.op;
  if (op.kind == Kind::kEnableExits) {
    if (choice.move == Move::kFinish) state.rare.Write().exits_enabled = op.value != 0;
    return End(call, choice.error);
  }
  const OpenExit* open = state.rare->FindExit(op.vcpu);
  if (choice.move == Move::kExit) {
    OpenExit exit{op.vcpu, op.address, op.address + op.size, AttributesInExit(rules, op)};
    if (open != nullptr) {
      exit = *open;
      exit.next += kTdxChunk;
    }
    ShowExit(rules, state, call, exit);
    return End(call, Errno());
  }
  if (choice.move == Move::kTell) {
    call.outcome.value = choice.count;
    call.outcome.address = AddressTold(rules, op, open, choice.count);
  }
  if (open != nullptr) {
    std::erase_if(state.rare.Write().exits,
                  [&](const OpenExit& one) { return one.vcpu == op.vcpu; });
  }
  End(call, choice.error);
}

}  // namespace kct::model
