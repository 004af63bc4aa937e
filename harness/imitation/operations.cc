// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/operations.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "harness/abi/proposed.h"
#include "harness/imitation/file_calls.h"
#include "harness/imitation/user_memory.h"

namespace kct::imitation {

using model::Bug;
using model::Choice;
using model::Choices;
using model::Move;
using model::Operation;
using model::Pending;
using model::Phase;

namespace {

// The choice with this errno; nullptr: not on offer.
const Choice* WithErrno(const Choices& choices, int error) {
  for (const Choice& choice : choices) {
    if (choice.error == Errno(error)) return &choice;
  }
  return nullptr;
}

void Step(Stay& stay, Vm& vm, Pending& call, const Choice& choice) {
  Take(vm.rules, vm.state, call, choice);
  vm.state.words.clear();  // the values are in the memory of this process
  stay.Stepped();
}

void WaitInUpdate(Stay& stay, const Pending& call) {
  if (call.phase == Phase::kCalled) {
    return stay.Wait({"kvm_vm_ioctl_set_memory_region", "kvm_vm_ioctl"});
  }
  stay.Wait({"__synchronize_srcu", "synchronize_srcu_expedited", "kvm_swap_active_memslots",
             "kvm_set_memslot", "kvm_vm_ioctl"});
}

void Wait(Stay& stay, const Pending& call) {
  switch (call.op.kind) {
    case model::Kind::kSetRegion:
      return WaitInUpdate(stay, call);
    case model::Kind::kCloseGuestMemfd:
      return stay.Wait({"kvm_gmem_release", "__fput"});
    case model::Kind::kRun:
    case model::Kind::kPreFault:
      if (call.phase == Phase::kCalled) return stay.Wait({"kvm_vcpu_ioctl"});
      return stay.Spin({"kvm_tdp_page_prefault", "kvm_vcpu_pre_fault_memory", "kvm_vcpu_ioctl"});
    case model::Kind::kAccess:
      return stay.Spin({"kvm_mmu_do_page_fault", "kvm_vcpu_ioctl"});
    default:
      return stay.Wait({"kvm_vm_ioctl"});
  }
}

// What KVM may have no memory for, it has none for: the imitated machine is a small one.
const Choice& Likeliest(const Choices& choices) {
  const Choice* const no_memory = WithErrno(choices, ENOMEM);
  return no_memory != nullptr ? *no_memory : choices[0];
}

Operation OfVcpu(model::Kind kind, const Vcpu& vcpu) {
  Operation op;
  op.kind = kind;
  op.vcpu = vcpu.number;
  return op;
}

// --- memory ---------------------------------------------------------------------------------

Gpa PageAt(Gpa gpa) { return {gpa.value & ~(kPage.count - 1)}; }

// Where a guest page is in the memory of this process.
struct Backing {
  const model::Slot* slot = nullptr;
  Hva hva;  // of the page, unless it is in a file
  GuestFile* file = nullptr;
  uint64_t offset = 0;  // in the file
};

// Who uses the page: what a file backs, KVM itself does not see.
enum class User { kGuest, kKvm };

bool TakesFromFile(Vm& vm, const model::Slot& slot, Gpa page) {
  const uint64_t number = model::PageOf(page.value);
  uint64_t attributes = vm.state.AttributesOf(number);
  if (vm.rules.planted.Is(Bug::kConversionLeavesOldView)) {
    attributes = vm.first_attributes.try_emplace(number, attributes).first->second;
  }
  if (vm.rules.planted.Is(Bug::kPrefaultIgnoresAttributes) &&
      vm.first_attributes.contains(number)) {
    attributes = vm.first_attributes[number];
  }
  const bool is_private = (attributes & KVM_MEMORY_ATTRIBUTE_PRIVATE) != 0;
  return slot.gmem_only || (is_private && slot.gmem >= 0);
}

Backing BackingOf(Vm& vm, uint32_t space, Gpa page, User user = User::kGuest) {
  Backing backing{.slot = vm.state.FindSlot(space, model::PageOf(page.value))};
  if (backing.slot == nullptr) {
    // Only an entry that a planted bug has left behind gets here: it points to where it did.
    const auto old = vm.mapped.find({space, model::PageOf(page.value)});
    if (old != vm.mapped.end()) backing.hva = old->second;
    return backing;
  }
  backing.hva = HostAddressOf(*backing.slot, page);
  const bool sees_file = user == User::kGuest || vm.rules.planted.Is(Bug::kEmulatorReachesFile);
  if (TakesFromFile(vm, *backing.slot, page) && sees_file) {
    backing.file = &vm.files[static_cast<std::size_t>(backing.slot->gmem)];
    backing.offset =
        backing.slot->gmem_page * kPage.count + (page.value - backing.slot->gfn * kPage.count);
  }
  return backing;
}

PageState BringIn(Stay& stay, const Backing& backing, Use use, Interruptible interruptible) {
  if (backing.file != nullptr) return PageState::kThere;  // the model knows what it may not be
  return stay.world().pages.BringIn(stay, backing.hva, use, interruptible);
}

void NoteMapped(Vm& vm, uint32_t space, Gpa page, const Backing& backing) {
  if (backing.slot != nullptr) vm.mapped[{space, model::PageOf(page.value)}] = backing.hva;
}

}  // namespace

// How often an update lets everybody else make a step between two of its own: grace periods are
// long compared with what a guest does.
constexpr int kGracePeriod = 8;

namespace {

// Goes on with an operation until `enough`.
void Continue(Stay& stay, Vm& vm, Pending& call, bool (*enough)(const Pending&)) {
  const uint64_t invalidations = stay.world().pages.invalidations();
  while (!enough(call)) {
    const bool held = vm.rules.planted.Is(Bug::kUpdateIsHeldByInvalidations) &&
                      call.phase != Phase::kCalled &&
                      invalidations != stay.world().pages.invalidations();
    const Choices choices = held ? Choices() : NextChoices(vm.rules, vm.state, call);
    if (choices.empty()) {
      Wait(stay, call);
    } else {
      Step(stay, vm, call, Likeliest(choices));
      for (int i = 0; i < kGracePeriod; ++i) stay.GiveWay();
    }
  }
}

}  // namespace

Pending Begin(Stay& stay, Vm& vm, const Operation& op) {
  Pending call(op);
  Continue(stay, vm, call,
           [](const Pending& now) { return now.over() || now.phase != Phase::kCalled; });
  return call;
}

model::Outcome Finish(Stay& stay, Vm& vm, Pending& call) {
  Continue(stay, vm, call, [](const Pending& now) { return now.over(); });
  return call.outcome;
}

model::Outcome Perform(Stay& stay, Vm& vm, const Operation& op) {
  Pending call(op);
  return Finish(stay, vm, call);
}

void AwaitPage(Stay& stay, Vm& vm, const Vcpu& vcpu, Gpa gpa) {
  const Backing backing = BackingOf(vm, vm.state.SpaceOf(vcpu.number), PageAt(gpa));
  if (backing.slot == nullptr) return;
  (void)BringIn(stay, backing, Use::kRead, Interruptible::kYes);
}

Pending EnterVcpu(Stay& stay, Vm& vm, const Vcpu& vcpu, uint64_t argument,
                  ImmediateExit immediate_exit) {
  Operation op = OfVcpu(model::Kind::kRun, vcpu);
  op.value = argument;
  op.flags = immediate_exit == ImmediateExit::kYes ? 1 : 0;
  Pending run(op);
  while (run.phase == Phase::kCalled && !run.over()) {
    const bool held =
        vm.rules.planted.Is(Bug::kUserfaultHoldsUpOtherVcpus) && stay.world().pages.SomebodyWaits();
    const Choices choices = held ? Choices() : NextChoices(vm.rules, vm.state, run);
    if (choices.empty()) {
      Wait(stay, run);
    } else {
      Step(stay, vm, run, choices[0]);
    }
  }
  return run;
}

void LeaveVcpu(Stay& stay, Vm& vm, Pending& run) {
  Step(stay, vm, run, NextChoices(vm.rules, vm.state, run)[0]);
}

// --- prefault -------------------------------------------------------------------------------

namespace {

class Prefaulter {
 public:
  Prefaulter(Stay& stay, Vm& vm, const Vcpu& vcpu, const Operation& op)
      : stay_(stay), vm_(vm), vcpu_(vcpu), call_(op) {}

  model::Outcome Run() {
    const uint64_t invalidations = stay_.world().pages.invalidations();
    while (!call_.over()) {
      if (IsStuck()) {
        Wait(stay_, call_);
        continue;
      }
      call_.op.may_be_interrupted = stay_.SignalPending();
      call_.op.may_fault = call_.op.may_be_poisoned = false;
      const Choices choices = NextChoices(vm_.rules, vm_.state, call_);
      const Choice* const interrupted = WithErrno(choices, EINTR);
      if (interrupted != nullptr) {
        Step(stay_, vm_, call_, *interrupted);
      } else if (choices.empty()) {
        Wait(stay_, call_);
      } else if (choices[0].move == Move::kMapPages) {
        if (Planted(Bug::kPrefaultSaysAgainOnInvalidation) &&
            invalidations != stay_.world().pages.invalidations()) {
          Step(stay_, vm_, call_, SayAgain());
        } else {
          MapPage(choices[0]);
        }
      } else {
        Step(stay_, vm_, call_, choices[0]);
      }
    }
    return call_.outcome;
  }

 private:
  static Choice SayAgain() {
    return {.move = Move::kStop, .error = Errno(EAGAIN), .clause = "PREFAULT-43"};
  }

  bool Planted(Bug bug) const { return stay_.world().Planted(bug); }
  bool HasStaleRoot() const { return (vm_.state.stale_roots >> vcpu_.number & 1) != 0; }
  // Only a planted bug keeps the call so.
  bool IsStuck() const {
    return Planted(Bug::kPrefaultSpinsOnRootLostToParameter) && call_.phase == Phase::kReading &&
           vm_.lost_roots_to_parameter && HasStaleRoot() && !stay_.SignalPending();
  }

  PageState BringIn(const Backing& backing) {
    const bool deaf = Planted(Bug::kPrefaultIgnoresSignals);
    const bool writes = Planted(Bug::kPrefaultWrites) || Planted(Bug::kPrefaultWantsWritableMemory);
    const PageState state = imitation::BringIn(stay_, backing, writes ? Use::kWrite : Use::kRead,
                                               deaf ? Interruptible::kNo : Interruptible::kYes);
    if (backing.file != nullptr && !Planted(Bug::kPrefaultAllocatesNothing)) {
      // Should there be no memory left, the access that comes says so.
      (void)AllocatePage(backing.file->fd.get(), backing.offset);
    }
    if (state == PageState::kThere && writes && backing.file == nullptr) {
      char byte;
      const bool writable = ReadUser(backing.hva, &byte, 1) && WriteUser(backing.hva, &byte, 1);
      if (!writable && Planted(Bug::kPrefaultWantsWritableMemory)) return PageState::kUnusable;
    }
    return state;
  }

  void MapPage(Choice choice) {
    choice.count = 1;
    const Gpa page = call_.op.gpa() + Pages(call_.done);
    const uint32_t space = vm_.state.SpaceOf(vcpu_.number);
    const Backing backing = BackingOf(vm_, space, page);
    if (backing.slot == nullptr) return Step(stay_, vm_, call_, choice);
    if (Planted(Bug::kPrefaultDoesNotWaitForPages) && backing.file == nullptr &&
        stay_.world().pages.AskFor(stay_, backing.hva, Use::kRead)) {
      return Step(stay_, vm_, call_, SayAgain());
    }
    const bool had_stale_root = HasStaleRoot();
    switch (BringIn(backing)) {
      case PageState::kThere:
        if (!had_stale_root && HasStaleRoot()) return;                 // lost meanwhile: look again
        if (BackingOf(vm_, space, page).file != backing.file) return;  // converted meanwhile
        NoteMapped(vm_, space, page, backing);
        if (Planted(Bug::kPrefaultIgnoresAttributes)) {
          vm_.first_attributes[model::PageOf(page.value)] = 0;
        }
        return Step(stay_, vm_, call_, choice);
      case PageState::kLookAgain:
        return;
      case PageState::kInterrupted:
        return EndInterrupted();
      case PageState::kUnusable:
        call_.op.may_fault = true;
        return End(EFAULT, choice);
      case PageState::kPoisoned:
        return EndPoisoned(backing, choice);
    }
  }

  // Ends with an errno that the model offers, now that it knows about the page.
  void End(int error, const Choice& otherwise) {
    const Choices choices = NextChoices(vm_.rules, vm_.state, call_);
    const Choice* const end = WithErrno(choices, error);
    Step(stay_, vm_, call_, end != nullptr ? *end : otherwise);
  }

  // A wait for a page that a signal ends leaves its mark, although this is not KVM_RUN.
  void EndInterrupted() {
    if (!Planted(Bug::kPrefaultLeavesNoMarkOfASignal)) {
      vcpu_.run.At<kvm_run>({0}).exit_reason = KVM_EXIT_INTR;
    }
    call_.op.may_be_interrupted = true;
    const Choices choices = NextChoices(vm_.rules, vm_.state, call_);
    if (const Choice* const end = WithErrno(choices, EINTR)) Step(stay_, vm_, call_, *end);
  }

  void EndPoisoned(const Backing& backing, const Choice& otherwise) {
    if (backing.file == nullptr && !Planted(Bug::kPoisonIsSilent)) {
      SendMemoryError(Pointer(backing.hva));
    }
    call_.op.may_be_poisoned = true;
    call_.op.may_be_interrupted = stay_.SignalPending();
    const Choices choices = NextChoices(vm_.rules, vm_.state, call_);
    for (const Choice& choice : choices) {
      if (choice.error != Errno()) return Step(stay_, vm_, call_, choice);
    }
    if (choices.empty()) return Wait(stay_, call_);
    Step(stay_, vm_, call_, otherwise);
  }

  Stay& stay_;
  Vm& vm_;
  const Vcpu& vcpu_;
  Pending call_;
};

}  // namespace

std::optional<KvmRunMemoryFault> FaultOf(const model::Outcome& outcome, Gpa page) {
  if (!outcome.memory_fault) return std::nullopt;
  return KvmRunMemoryFault{
      .flags = outcome.fault_is_private ? uint64_t{KVM_MEMORY_EXIT_FLAG_PRIVATE} : 0,
      .gpa = page.value,
      .size = kPage.count};
}

model::Outcome PreFault(Stay& stay, Vm& vm, const Vcpu& vcpu, Operation op) {
  op.kind = model::Kind::kPreFault;
  op.vcpu = vcpu.number;
  return Prefaulter(stay, vm, vcpu, op).Run();
}

// --- accesses -------------------------------------------------------------------------------

namespace {

bool ReadMemory(const Backing& backing, uint64_t in_page, void* to, std::size_t width) {
  if (backing.file == nullptr) return ReadUser(backing.hva + Bytes{in_page}, to, width);
  return pread(backing.file->fd.get(), to, width, static_cast<off_t>(backing.offset + in_page)) ==
         static_cast<ssize_t>(width);
}

// Whether a slot before this one has the same memory.
bool IsShownTwice(const Vm& vm, const Backing& backing) {
  return std::any_of(vm.state.slots.begin(), vm.state.slots.end(), [&](const model::Slot& slot) {
    const Hva start{slot.host * kPage.count};
    return slot.gfn < backing.slot->gfn && backing.hva >= start &&
           backing.hva < start + Pages(slot.pages);
  });
}

bool KeepsFirstPage(const Vm& vm, const Backing& backing) {
  const model::Planted& planted = vm.rules.planted;
  return planted.Is(Bug::kHostChangesAreMissed) || planted.Is(Bug::kChangedMemoryIsKept) ||
         vm.left_with_a_child ||
         (planted.Is(Bug::kInvalidationSparesSecondSlot) && backing.slot != nullptr &&
          IsShownTwice(vm, backing));
}

// Where a bug lets the guest go on with what the page held at first: that. Otherwise nullptr.
char* KeptPage(Vm& vm, const Backing& backing) {
  const bool of_file = backing.file != nullptr;
  const Hva key = of_file ? KeyOfFilePage(backing.offset) : backing.hva;
  const bool keeps = of_file ? vm.rules.planted.Is(Bug::kGuestHasACopy) || vm.kept.contains(key)
                             : KeepsFirstPage(vm, backing);
  if (!keeps) return nullptr;
  std::vector<char>& page = vm.kept[key];
  if (page.empty()) {
    page.resize(kPage.count);
    if (!ReadMemory(backing, 0, page.data(), page.size())) vm.kept.erase(key);
  }
  return vm.kept.contains(key) ? page.data() : nullptr;
}

bool ReadBacking(Vm& vm, const Backing& backing, uint64_t in_page, void* to, uint32_t width) {
  if (const char* kept = KeptPage(vm, backing)) {
    std::memcpy(to, kept + in_page, width);
    return true;
  }
  return ReadMemory(backing, in_page, to, width);
}

bool WriteBacking(Vm& vm, const Backing& backing, uint64_t in_page, const void* from,
                  uint32_t width) {
  if (char* kept = KeptPage(vm, backing)) {
    std::memcpy(kept + in_page, from, width);
    return true;
  }
  if (backing.file == nullptr) return WriteUser(backing.hva + Bytes{in_page}, from, width);
  return pwrite(backing.file->fd.get(), from, width,
                static_cast<off_t>(backing.offset + in_page)) == static_cast<ssize_t>(width);
}

// Moves the data. False: the memory can't be used so.
bool Transfer(Vm& vm, const Backing& backing, Access& access) {
  const uint64_t in_page = access.gpa.value % kPage.count;
  if (access.kind == model::Access::kWrite) {
    uint64_t value = access.value;
    if (access.change != nullptr) {
      access.value = 0;
      if (!ReadBacking(vm, backing, in_page, &access.value, access.width)) return false;
      value = access.change(access.context, access.value);
    }
    return WriteBacking(vm, backing, in_page, &value, access.width);
  }
  access.value = 0;
  return ReadBacking(vm, backing, in_page, &access.value, access.width);
}

class Accessor {
 public:
  Accessor(Stay& stay, Vm& vm, const Vcpu& vcpu, Access& access)
      : stay_(stay),
        vm_(vm),
        vcpu_(vcpu),
        access_(access),
        invalidations_(stay.world().pages.invalidations()) {
    Operation op = OfVcpu(model::Kind::kAccess, vcpu);
    op.access = access.kind;
    op.emulated = access.emulated;
    op.address = access.gpa.value;
    call_ = Pending(op);
  }

  Reached Run() {
    while (!call_.over()) {
      call_.op.may_fault = call_.op.may_be_interrupted = false;
      const Choices choices = NextChoices(vm_.rules, vm_.state, call_);
      if (choices.empty()) {
        if (stay_.SignalPending()) return {.how = Reached::How::kInterrupted};
        Wait(stay_, call_);
      } else if (choices[0].move == Move::kMemory) {
        ReachMemory(choices[0]);
      } else {
        Step(stay_, vm_, call_, choices[0]);
      }
    }
    return Result();
  }

 private:
  void ReachMemory(const Choice& choice) {
    const Gpa page = PageAt(access_.gpa);
    const uint32_t space = vm_.state.SpaceOf(vcpu_.number);
    const Backing backing = BackingOf(vm_, space, page, AccessedBy());
    if (FailsOnInvalidation(backing)) {
      return Step(stay_, vm_, call_,
                  {.move = Move::kFail, .error = Errno(EAGAIN), .clause = "MN-05"});
    }
    const bool kept = vm_.kept.contains(backing.hva);
    if (LeavesForUserSpace(backing)) return End(EFAULT);
    const Use use = access_.kind == model::Access::kWrite ? Use::kWrite : Use::kRead;
    switch (kept ? PageState::kThere : BringIn(stay_, backing, use, IsInterruptible())) {
      case PageState::kThere:
        if (!SameSlot(backing, space, page)) return;
        break;
      case PageState::kLookAgain:
        return;
      case PageState::kInterrupted:
        return End(EINTR);
      case PageState::kPoisoned:
        return EndPoisoned(backing);
      case PageState::kUnusable:
        return End(EFAULT);
    }
    if (HasNoMemoryFor(backing)) return End(ENOMEM);
    if (!Transfer(vm_, backing, access_)) return End(EFAULT);
    if (access_.kind == model::Access::kWrite &&
        stay_.world().Planted(Bug::kPrefaultSharesPagesForWriting)) {
      WriteToAllPrefaulted(space);
    }
    NoteMapped(vm_, space, page, backing);
    Step(stay_, vm_, call_, choice);
  }

  // Only a planted bug lets the guest see that the access met one.
  bool FailsOnInvalidation(const Backing& backing) const {
    const HostPages& pages = stay_.world().pages;
    if (stay_.world().Planted(Bug::kRunFailsOnAnyInvalidation)) {
      return pages.invalidations() != invalidations_;
    }
    return stay_.world().Planted(Bug::kRunFailsOnInvalidation) &&
           pages.CountOf(backing.hva, kPage, invalidations_) > 0;
  }

  Interruptible IsInterruptible() const {
    const Bug deaf =
        access_.emulated ? Bug::kEmulatorIgnoresSignals : Bug::kUserfaultIgnoresSignals;
    return stay_.world().Planted(deaf) ? Interruptible::kNo : Interruptible::kYes;
  }

  // Proposed: the slot wants an exit instead of the page.
  bool LeavesForUserSpace(const Backing& backing) const {
    if (backing.slot == nullptr || (backing.slot->flags & kMemUserfault) == 0) return false;
    const Hva bitmap = vm_.fault_bitmaps.at(backing.slot->id);
    if (bitmap == Hva{0}) {
      const Use use = access_.kind == model::Access::kWrite ? Use::kWrite : Use::kRead;
      return stay_.world().pages.IsMissing(backing.hva, use) &&
             !stay_.world().Planted(Bug::kMissingPageIsWaitedFor);
    }
    if (stay_.world().Planted(Bug::kUserfaultBitIsIgnored)) return false;
    if (access_.emulated && stay_.world().Planted(Bug::kUserfaultSparesTheEmulator)) return false;
    const uint64_t page = model::PageOf(access_.gpa.value) - backing.slot->gfn;
    uint64_t word = 0;
    return ReadUser(bitmap + Bytes{page / 64 * sizeof word}, &word, sizeof word) &&
           (word >> page % 64 & 1) != 0;
  }

  // A page that the file has not got takes an object of the kernel's.
  bool HasNoMemoryFor(const Backing& backing) const {
    return backing.file != nullptr && stay_.world().objects.contains(gettid()) &&
           CountPages(backing.file->fd.get(), {backing.offset, kPage}) == 0;
  }

  void EndPoisoned(const Backing& backing) {
    if (!stay_.world().Planted(Bug::kGuestPoisonIsSilent)) SendMemoryError(Pointer(backing.hva));
    if (stay_.SignalPending()) return End(EINTR);
    if (stay_.world().Planted(Bug::kPoisonHoldsTheVcpu)) return Wait(stay_, call_);
    End(EFAULT);
  }

  // What a zero page that was mapped for writing would come to.
  void WriteToAllPrefaulted(uint32_t space) {
    for (const model::Entry& entry : vm_.state.entries) {
      const Backing other = BackingOf(vm_, space, {entry.gfn * kPage.count});
      if (entry.writable || other.slot == nullptr) continue;
      (void)WriteBacking(vm_, other, access_.gpa.value % kPage.count, &access_.value,
                         access_.width);
    }
  }

  User AccessedBy() const { return access_.emulated ? User::kKvm : User::kGuest; }

  // Whether nothing has changed while the page was waited for.
  bool SameSlot(const Backing& backing, uint32_t space, Gpa page) const {
    const model::Slot* const now = vm_.state.FindSlot(space, model::PageOf(page.value));
    if (now == nullptr) return backing.slot == nullptr;
    if (backing.slot == nullptr) return false;
    if (BackingOf(vm_, space, page, AccessedBy()).file != backing.file) return false;
    return call_.phase != Phase::kReading || !now->invalid;
  }

  void End(int error) {
    call_.op.may_fault = error == EFAULT || error == ENOMEM;
    call_.op.may_be_interrupted = error == EINTR;
    const Choices choices = NextChoices(vm_.rules, vm_.state, call_);
    for (const Choice& choice : choices) {
      // What KVM itself can't reach it takes for a device.
      const bool mmio = access_.emulated && choice.move == Move::kMmio;
      if (choice.error == Errno(error) || mmio) return Step(stay_, vm_, call_, choice);
    }
  }

  Reached Result() const {
    const model::Outcome& outcome = call_.outcome;
    if (outcome.mmio) return {.how = Reached::How::kMmio};
    if (outcome.error == Errno(EINTR)) return {.how = Reached::How::kInterrupted};
    if (outcome.error == Errno()) return {};
    if (stay_.world().Planted(Bug::kForbiddenMemoryIsMmio)) return {.how = Reached::How::kMmio};
    const bool exact = stay_.world().Planted(Bug::kMemoryFaultNamesTheAccess);
    const Gpa told = exact ? access_.gpa : PageAt(access_.gpa);
    std::optional<KvmRunMemoryFault> fault = FaultOf(outcome, told);
    const model::Slot* const slot = vm_.state.FindSlot(0, model::PageOf(told.value));
    if (fault && slot != nullptr && (slot->flags & kMemUserfault) != 0 &&
        vm_.fault_bitmaps.at(slot->id) != Hva{0}) {
      fault->flags |= kMemoryExitFlagUserfault;
    }
    return {Reached::How::kFailed, outcome.error, fault};
  }

  Stay& stay_;
  Vm& vm_;
  const Vcpu& vcpu_;
  Access& access_;
  const uint64_t invalidations_;  // before it began
  Pending call_;
};

}  // namespace

Reached Make(Stay& stay, Vm& vm, const Vcpu& vcpu, Access& access) {
  return Accessor(stay, vm, vcpu, access).Run();
}

}  // namespace kct::imitation
