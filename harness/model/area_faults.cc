// SPDX-License-Identifier: GPL-2.0-only
// Faults of a VM with private memory: arch/x86/kvm/mmu/mmu.c:kvm_mmu_faultin_pfn, and what the
// hardware of SNP (svm/sev.c:sev_handle_rmp_fault) and TDX (vmx/tdx.c:tdx_handle_ept_violation)
// adds.
#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/model/families.h"

namespace kct::model {
namespace {

bool IsPrivate(const State& state, uint64_t gfn) {
  return (state.AttributesOf(gfn) & KVM_MEMORY_ATTRIBUTE_PRIVATE) != 0;
}

Choice MemoryFault(const Rules& rules, int error, bool is_private, ClauseId clause) {
  return {.move = Move::kFail,
          .error = Errno(error),
          .memory_fault = clause != ClauseId("RUN-26") || !rules.planted.Is(Bug::kMismatchIsBare),
          .fault_is_private = is_private && !rules.planted.Is(Bug::kMemoryFaultHidesPrivate),
          .clause = clause};
}

// A change of the page's attributes is being made: how a fault takes it may be wrong before or
// after, and no mapping is made.
const Invalidation* FindChange(const State& state, uint64_t gfn) {
  for (const Invalidation& one : state.rare->invalidations) {
    if (one.of != Invalidation::Of::kGuestPages || gfn < one.first || gfn > one.last) continue;
    if (one.attributes != state.AttributesOf(gfn)) return &one;
  }
  return nullptr;
}

ClauseId ClauseOfMismatch(const Rules& rules) {
  return rules.vm_type == VmType::kSoftwareProtected ? ClauseId("RUN-26") : ClauseId("RUN-25");
}

Choices ArrivalChoices(const Rules& rules, const State& state, const Operation& op,
                       const Slot* slot) {
  Choices choices = One({.move = Move::kEnter, .clause = "MEMSLOT-01"});
  if (slot != nullptr && slot->invalid && op.kind == Kind::kAccess) {
    const bool may_be_there =
        !rules.track_entries || FindEntry(state, 0, PageOf(op.address)) != nullptr;
    if (may_be_there) choices.push_back({.move = Move::kMemory, .clause = "MEMSLOT-27"});
  }
  return choices;
}

// The hardware's own view of a page that KVM would map.
Choices HardwareChoices(const Rules& rules, const State& state, const Operation& op,
                        const PrivatePage* page) {
  if (rules.vm_type == VmType::kSnp && page != nullptr && page->huge && op.size <= kPageBytes) {
    return One({.move = Move::kFault, .clause = "SNP-22"});
  }
  if (rules.vm_type == VmType::kTdx && op.kind == Kind::kAccess &&
      (page == nullptr || !page->usable) && !rules.planted.Is(Bug::kTdxReachesUnacceptedPage)) {
    return One({.move = Move::kKill, .error = Errno(EIO), .clause = "TDX-19"});
  }
  (void)state;
  return One({.move = Move::kMemory, .clause = "SNP-25"});
}

Choices PrivateChoices(const Rules& rules, const State& state, const Operation& op,
                       const Slot& slot) {
  const uint64_t gfn = PageOf(op.address);
  if (slot.gmem < 0) {
    if (rules.planted.Is(Bug::kPrivateReachesHostMemory)) {
      return One({.move = Move::kMemory, .clause = "RUN-24"});
    }
    return One(MemoryFault(rules, EFAULT, true, "RUN-24"));
  }
  if (const auto failure = WhyFileFails(rules, state, slot, gfn)) {
    return One(MemoryFault(rules, failure->error, true, failure->clause));
  }
  if (rules.vm_type == VmType::kSoftwareProtected) {
    Choices choices = One({.move = Move::kMemory, .clause = "PREFAULT-32"});
    if (op.may_fault && op.kind == Kind::kAccess) {
      choices.push_back(OutOfMemory(rules));
      choices[1].fault_is_private = true;
    }
    return choices;
  }
  return HardwareChoices(rules, state, op, state.rare->FindPage(slot.gmem, FilePageOf(slot, gfn)));
}

Choices FaultChoices(const Rules& rules, const State& state, const Pending& call,
                     const Slot* slot) {
  const Operation& op = call.op;
  const uint64_t gfn = PageOf(op.address);
  const bool ignores_mismatch = rules.planted.Is(Bug::kMismatchIsIgnored);
  if (call.was_private != IsPrivate(state, gfn) && !ignores_mismatch) {
    return One(MemoryFault(rules, EFAULT, call.was_private, ClauseOfMismatch(rules)));
  }
  Choices choices;
  if (FindChange(state, gfn) != nullptr) {
    choices.push_back(MemoryFault(rules, EFAULT, call.was_private, ClauseOfMismatch(rules)));
  }
  if (slot == nullptr) {
    if (!call.was_private || rules.planted.Is(Bug::kPrivateWithoutSlotIsMmio)) {
      return One({.move = Move::kMmio, .clause = "RUN-08"});
    }
    return One(MemoryFault(rules, EFAULT, true, "RUN-23"));
  }
  if (slot->invalid) {
    if (rules.planted.Is(Bug::kTdxRetriesWhileSlotGoes)) return choices;
    choices.push_back({.move = Move::kRetry, .clause = "TDX-22"});
    return choices;
  }
  if (state.FindInvalidation(*slot, gfn) != nullptr) return choices;
  if (call.invalidated != state.rare->invalidated && !rules.planted.Is(Bug::kFaultMapsStalePage)) {
    return One({.move = Move::kRetry, .clause = "MN-05"});
  }
  if (call.was_private) return PrivateChoices(rules, state, op, *slot);
  if (slot->gmem_only) {
    if (const auto failure = WhyFileFails(rules, state, *slot, gfn)) {
      return One(MemoryFault(rules, failure->error, false, failure->clause));
    }
  }
  choices = One({.move = Move::kMemory, .clause = "RUN-08"});
  if (op.may_fault && slot->gmem_only) {
    choices.push_back(OutOfMemory(rules));
  } else if (op.may_fault) {
    choices.push_back({.move = Move::kFail, .error = Errno(EFAULT), .clause = "RUN-04"});
  }
  return choices;
}

// sev_handle_rmp_fault: what it finds when it looks is not always what the hardware found.
Choices FaultedChoices(const Rules& rules, const State& state, const Operation& op,
                       const Slot* slot) {
  const uint64_t gfn = PageOf(op.address);
  if (rules.planted.Is(Bug::kRmpFaultExits)) {
    return One({.move = Move::kFail, .error = Errno(EFAULT), .clause = "SNP-24"});
  }
  if (!IsPrivate(state, gfn) || slot == nullptr || slot->gmem < 0) {
    return One({.move = Move::kResume, .clause = "SNP-24"});
  }
  const PrivatePage* page = state.rare->FindPage(slot->gmem, FilePageOf(*slot, gfn));
  if (page == nullptr) return One({.move = Move::kResume, .clause = "SNP-24"});
  if (page->huge) return One({.move = Move::kSplit, .clause = "SNP-22"});
  if (rules.planted.Is(Bug::kSmallRmpFaultFails)) {
    return One({.move = Move::kFail, .error = Errno(EFAULT), .clause = "SNP-23"});
  }
  return One({.move = Move::kResume, .clause = "SNP-23"});
}

}  // namespace

bool IsTakenAsPrivate(const Rules& rules, const State& state, const Operation& op) {
  if (!rules.has_private_memory()) return false;
  if (rules.vm_type == VmType::kSoftwareProtected || op.kind == Kind::kPreFault) {
    return IsPrivate(state, PageOf(op.address));
  }
  return op.is_private || op.kind == Kind::kAccept;
}

Choice OutOfMemory(const Rules& rules) {
  return {.move = Move::kFail,
          .error = Errno(ENOMEM),
          .memory_fault = !rules.planted.Is(Bug::kFileWithoutMemoryIsBare),
          .clause = "RUN-22"};
}

std::optional<FileFailure> WhyFileFails(const Rules& rules, const State& state, const Slot& slot,
                                        uint64_t gfn) {
  const auto number = static_cast<std::size_t>(slot.gmem);
  if (slot.gmem < 0 || number >= state.files.size()) return std::nullopt;
  if (state.files[number].closed && !rules.planted.Is(Bug::kClosedFileIsReached)) {
    return FileFailure{EFAULT, "RUN-20"};
  }
  const uint64_t page = FilePageOf(slot, gfn);
  if (page < 64 && (state.files[number].poisoned >> page & 1) != 0) {
    if (rules.planted.Is(Bug::kPoisonIsBadAddress)) return FileFailure{EFAULT, "RUN-21"};
    return FileFailure{EHWPOISON, "RUN-21"};
  }
  return std::nullopt;
}

Choices PrivateVmChoices(const Rules& rules, const State& state, const Pending& call) {
  const Slot* slot = state.FindSlot(0, PageOf(call.op.address));
  switch (call.phase) {
    case Phase::kCalled:
      return ArrivalChoices(rules, state, call.op, slot);
    case Phase::kFaulted:
      return FaultedChoices(rules, state, call.op, slot);
    default:
      return FaultChoices(rules, state, call, slot);
  }
}

}  // namespace kct::model
