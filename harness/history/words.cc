// SPDX-License-Identifier: GPL-2.0-only
#include "harness/history/words.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <map>

#include "harness/base/check.h"

namespace kct {
namespace {

using model::Access;
using model::Kind;
using model::Operation;
using model::Outcome;
using model::Phase;
using model::Rules;
using Written = OperationField::Written;

template <auto member>
constexpr OperationField Field(std::string_view key, Written when = Written::kAlways) {
  using Value = std::remove_reference_t<decltype(std::declval<Operation>().*member)>;
  return {key, [](const Operation& op) { return static_cast<uint64_t>(op.*member); },
          [](Operation& op, uint64_t value) { op.*member = static_cast<Value>(value); },
          std::numeric_limits<Value>::max(), when};
}

constexpr OperationField kVcpu = Field<&Operation::vcpu>("vcpu");
constexpr OperationField kSlot = Field<&Operation::slot>("slot");
constexpr OperationField kFlags = Field<&Operation::flags>("flags", Written::kUnlessDefault);
constexpr OperationField kGpa = Field<&Operation::address>("gpa");
constexpr OperationField kSize = Field<&Operation::size>("size");
constexpr OperationField kHva = Field<&Operation::host>("hva");
constexpr OperationField kValue = Field<&Operation::value>("value", Written::kUnlessDefault);
constexpr OperationField kGmem = Field<&Operation::gmem>("gmem", Written::kUnlessDefault);
constexpr OperationField kGmemOffset =
    Field<&Operation::gmem_offset>("offset", Written::kUnlessDefault);
constexpr OperationField kWordSize = Field<&Operation::size>("size", Written::kUnlessDefault);

constexpr std::array kRegionFields{kSlot, kFlags, kGpa, kSize, kHva, kGmem, kGmemOffset};
constexpr std::array kPreFaultFields{kVcpu, kGpa, kSize, kFlags};
constexpr std::array kRunFields{kVcpu,
                                Field<&Operation::flags>("immediate-exit", Written::kUnlessDefault),
                                Field<&Operation::value>("argument", Written::kUnlessDefault)};
constexpr std::array kAccessFields{kVcpu, kGpa, kWordSize, kValue};
constexpr std::array kSlotFields{kSlot};
constexpr std::array kQuirkFields{Field<&Operation::flags>("quirks")};
constexpr std::array kAttributeFields{kGpa, kSize, Field<&Operation::value>("attributes"), kFlags};
constexpr std::array kCreateGmemFields{kGmem, kSize, kFlags};
constexpr std::array kCloseGmemFields{kGmem};
constexpr std::array kPunchGmemFields{kGmem, Field<&Operation::address>("offset"), kSize};
constexpr std::array kStoreFields{Field<&Operation::address>("hva"),
                                  Field<&Operation::value>("value"), kGmem};
constexpr std::array kLoadFields{Field<&Operation::address>("hva"), kGmem};
constexpr std::array kAllocateFields{kGmem, Field<&Operation::address>("offset"), kSize,
                                     Field<&Operation::flags>("mode")};
constexpr std::array kPoisonFields{kGmem, Field<&Operation::address>("offset")};
constexpr std::array kConvertFields{kGmem, Field<&Operation::address>("offset"), kSize,
                                    Field<&Operation::value>("attributes"),
                                    Field<&Operation::flags>("contents", Written::kUnlessDefault)};
constexpr std::array kHoldFields{kGmem, Field<&Operation::address>("offset"), kSize,
                                 Field<&Operation::value>("held")};
constexpr std::array kVcpuFields{kVcpu, kFlags};
constexpr std::array kVmFields{kFlags};
constexpr std::array kExitsFields{Field<&Operation::value>("mask")};
constexpr std::array kMapFields{kVcpu, kGpa, kSize, Field<&Operation::value>("attributes")};
constexpr std::array kAnswerFields{kVcpu, Field<&Operation::value>("answer"),
                                   Field<&Operation::flags>("left-alone", Written::kUnlessDefault)};
constexpr std::array kAcceptFields{kVcpu, kGpa, kSize};
constexpr std::array kStartFields{Field<&Operation::value>("policy"), kFlags};
constexpr std::array kUpdateFields{kGpa, kSize, kHva, Field<&Operation::value>("type"), kFlags};
constexpr std::array kInitVmFields{Field<&Operation::size>("entries"), kFlags};
constexpr std::array kPopulateFields{kVcpu, kGpa, kSize, kHva, kFlags};
constexpr std::array kTableFields{kVcpu, kGpa, kValue};
constexpr std::array kDropFields{Field<&Operation::address>("hva"), kSize};
constexpr std::array kModeFields{kVcpu, Field<&Operation::flags>("smm")};

constexpr Operation Of(Kind kind) { return {.kind = kind}; }
constexpr Operation Of(Access access) { return {.kind = Kind::kAccess, .access = access}; }

constexpr Operation kRegion2{.kind = Kind::kSetRegion, .second_version = true};
const std::array kOperationWords{
    OperationWord{"SET_USER_MEMORY_REGION", Of(Kind::kSetRegion), kRegionFields},
    OperationWord{"SET_USER_MEMORY_REGION2", kRegion2, kRegionFields},
    OperationWord{"PRE_FAULT_MEMORY", Of(Kind::kPreFault), kPreFaultFields},
    OperationWord{"RUN", Of(Kind::kRun), kRunFields},
    OperationWord{"READ", Of(Access::kRead), kAccessFields},
    OperationWord{"WRITE", Of(Access::kWrite), kAccessFields},
    OperationWord{"EXECUTE", Of(Access::kExecute), kAccessFields},
    OperationWord{"GET_DIRTY_LOG", Of(Kind::kGetDirtyLog), kSlotFields},
    OperationWord{"DISABLE_QUIRKS", Of(Kind::kDisableQuirks), kQuirkFields},
    OperationWord{"SET_MEMORY_ATTRIBUTES", Of(Kind::kSetAttributes), kAttributeFields},
    OperationWord{"CREATE_GUEST_MEMFD", Of(Kind::kCreateGuestMemfd), kCreateGmemFields},
    OperationWord{"CLOSE_GUEST_MEMFD", Of(Kind::kCloseGuestMemfd), kCloseGmemFields},
    OperationWord{"PUNCH_GUEST_MEMFD", Of(Kind::kPunchGuestMemfd), kPunchGmemFields},
    OperationWord{"HOST_STORE", Of(Kind::kWriteHost), kStoreFields},
    OperationWord{"HOST_DROP", Of(Kind::kDropHost), kDropFields},
    OperationWord{"DROP_ROOTS", Of(Kind::kDropRoots), {}},
    OperationWord{"SET_MODE", Of(Kind::kSetMode), kModeFields},
    OperationWord{"HOST_LOAD", Of(Kind::kReadHost), kLoadFields},
    OperationWord{"ALLOCATE_GUEST_MEMFD", Of(Kind::kAllocateGuestMemfd), kAllocateFields},
    OperationWord{"POISON_GUEST_MEMFD", Of(Kind::kPoisonGuestMemfd), kPoisonFields},
    OperationWord{"CREATE_VCPU", Of(Kind::kCreateVcpu), kVcpuFields},
    OperationWord{"EXIT_HYPERCALL", Of(Kind::kEnableExits), kExitsFields},
    OperationWord{"MAP_GPA_RANGE", Of(Kind::kMapGpaRange), kMapFields},
    OperationWord{"ANSWER_EXIT", Of(Kind::kAnswerExit), kAnswerFields},
    OperationWord{"ACCEPT", Of(Kind::kAccept), kAcceptFields},
    OperationWord{"SEV_INIT2", Of(Kind::kSnpInit), kVmFields},
    OperationWord{"SNP_LAUNCH_START", Of(Kind::kSnpLaunchStart), kStartFields},
    OperationWord{"SNP_LAUNCH_UPDATE", Of(Kind::kSnpLaunchUpdate), kUpdateFields},
    OperationWord{"SNP_LAUNCH_FINISH", Of(Kind::kSnpLaunchFinish), kVmFields},
    OperationWord{"TDX_INIT_VM", Of(Kind::kTdxInitVm), kInitVmFields},
    OperationWord{"TDX_INIT_VCPU", Of(Kind::kTdxInitVcpu), kVcpuFields},
    OperationWord{"TDX_INIT_MEM_REGION", Of(Kind::kTdxInitMemRegion), kPopulateFields},
    OperationWord{"TDX_FINALIZE_VM", Of(Kind::kTdxFinalizeVm), kVmFields},
    OperationWord{"WRITE_PAGE_TABLE", Of(Kind::kWritePageTable), kTableFields},
    OperationWord{"TRANSLATE", Of(Kind::kTranslate), kTableFields},
    OperationWord{"CONVERT_GUEST_MEMFD", Of(Kind::kConvertGuestMemfd), kConvertFields},
    OperationWord{"HOLD_GUEST_MEMFD", Of(Kind::kHoldGuestMemfd), kHoldFields},
};

constexpr std::array kOperationMarks{
    Mark<Operation>{"emulated", &Operation::emulated},
    Mark<Operation>{"may-be-interrupted", &Operation::may_be_interrupted},
    Mark<Operation>{"may-fault", &Operation::may_fault},
    Mark<Operation>{"may-be-poisoned", &Operation::may_be_poisoned},
    Mark<Operation>{"private", &Operation::is_private},
};
constexpr std::array kOutcomeMarks{
    Mark<Outcome>{"mmio", &Outcome::mmio},
    Mark<Outcome>{"memory-fault", &Outcome::memory_fault},
    Mark<Outcome>{"private-fault", &Outcome::fault_is_private},
    Mark<Outcome>{"exit", &Outcome::exits},
    Mark<Outcome>{"exception", &Outcome::exception},
};
constexpr std::array kRuleMarks{
    Mark<Rules>{"tdp", &Rules::two_dimensional_paging},
    Mark<Rules>{"prefault", &Rules::prefault},
    Mark<Rules>{"readonly-slots", &Rules::readonly_slots},
    Mark<Rules>{"guest-memfd", &Rules::guest_memfd},
    Mark<Rules>{"no-attributes", &Rules::lacks_attributes},
    Mark<Rules>{"in-place-conversion", &Rules::in_place_conversion},
    Mark<Rules>{"clearing-needs-memory", &Rules::clearing_needs_memory},
    Mark<Rules>{"answer-not-preset", &Rules::answer_is_not_preset},
    Mark<Rules>{"answer-not-checked", &Rules::answer_is_not_checked},
    Mark<Rules>{"huge-private-pages", &Rules::huge_private_pages},
};

template <typename Owner, auto member>
constexpr Number<Owner> NumberOf(std::string_view key) {
  using Value = std::remove_reference_t<decltype(std::declval<Owner>().*member)>;
  return {key, [](const Owner& owner) { return static_cast<uint64_t>(owner.*member); },
          [](Owner& owner, uint64_t value) { owner.*member = static_cast<Value>(value); },
          std::numeric_limits<Value>::max()};
}
constexpr std::array kOutcomeNumbers{
    NumberOf<Outcome, &Outcome::address>("gpa"),
    NumberOf<Outcome, &Outcome::left>("left"),
    NumberOf<Outcome, &Outcome::value>("value"),
};
constexpr std::array kRuleNumbers{
    NumberOf<Rules, &Rules::supported_attributes>("attributes"),
    NumberOf<Rules, &Rules::slot_ids>("slot-ids"),
    NumberOf<Rules, &Rules::address_spaces>("address-spaces"),
    NumberOf<Rules, &Rules::first_gfn_beyond>("first-gfn-beyond"),
    Number<Rules>{
        "vm-type", [](const Rules& rules) { return static_cast<uint64_t>(rules.vm_type); },
        [](Rules& rules, uint64_t value) { rules.vm_type = static_cast<model::VmType>(value); },
        static_cast<uint64_t>(model::VmType::kTdx)},
};

constexpr std::array kCallMarks{
    Mark<RecordedCall>{"refused", &RecordedCall::refused},
    Mark<RecordedCall>{"not-judged", &RecordedCall::any_answer},
};

constexpr std::array<PhaseWord, 7> kPhases{{
    {"called", Phase::kCalled},
    {"invalidated", Phase::kInvalidated},
    {"swapped", Phase::kSwapped},
    {"reading", Phase::kReading},
    {"in-guest", Phase::kInGuest},
    {"faulted", Phase::kFaulted},
    {"over", Phase::kOver},
}};

constexpr std::string_view kNameless = "ERRNO";
constexpr int kMostErrno = 4095;

}  // namespace

std::span<const OperationWord> OperationWords() { return kOperationWords; }

const OperationWord& WordOf(const Operation& op) {
  for (const OperationWord& word : kOperationWords) {
    if (word.of.kind == op.kind && (op.kind != Kind::kAccess || word.of.access == op.access) &&
        (op.kind != Kind::kSetRegion || word.of.second_version == op.second_version)) {
      return word;
    }
  }
  Die(__FILE__, __LINE__, "an operation that the text format has no word for", "");
}

std::span<const Mark<Operation>> OperationMarks() { return kOperationMarks; }
std::span<const Mark<Outcome>> OutcomeMarks() { return kOutcomeMarks; }
std::span<const Mark<Rules>> RuleMarks() { return kRuleMarks; }
std::span<const Mark<RecordedCall>> CallMarks() { return kCallMarks; }
std::span<const Number<Outcome>> OutcomeNumbers() { return kOutcomeNumbers; }
std::span<const Number<Rules>> RuleNumbers() { return kRuleNumbers; }

void FillInRemainder(const Operation& op, Outcome& seen) {
  if (op.kind != Kind::kPreFault) return;
  const bool done = seen.error == Errno();
  seen.address = done ? op.address + op.size : op.address;
  seen.left = done ? 0 : op.size;
}

std::span<const PhaseWord> PhaseWords() { return kPhases; }

std::string_view Word(Phase phase) {
  for (const auto& [word, of] : kPhases) {
    if (of == phase) return word;
  }
  return "?";
}

std::optional<Phase> PhaseOf(std::string_view word) {
  for (const auto& [known, phase] : kPhases) {
    if (known == word) return phase;
  }
  return std::nullopt;
}

std::string ErrnoWord(Errno error) {
  const std::string name = error.Name();
  return name.find(' ') == std::string::npos ? name : fmt::format("{}{}", kNameless, error.value());
}

std::optional<Errno> ErrnoOf(std::string_view word) {
  static const auto names = [] {
    std::map<std::string, int, std::less<>> all;
    for (int value = kMostErrno; value >= 0; --value) all[ErrnoWord(Errno(value))] = value;
    return all;
  }();
  if (const auto found = names.find(word); found != names.end()) return Errno(found->second);
  if (!word.starts_with(kNameless)) return std::nullopt;
  word.remove_prefix(kNameless.size());
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return Errno(value);
}

}  // namespace kct
