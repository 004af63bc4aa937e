// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/program.h"

#include <linux/kvm_para.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "harness/base/clock.h"
#include "harness/imitation/translation.h"

namespace kct::imitation {

using guest::Op;
using guest::OpCode;
using guest::OpResult;
using guest::OpStatus;

namespace {

constexpr uint32_t kPortPage = 4096;  // offset of port data in what KVM_RUN shares
constexpr uint32_t kPageFault = 14;   // vector
constexpr uint64_t kUnknownHypercall = static_cast<uint64_t>(-1000);

void Note(const Op& op, OpResult& result, uint64_t gpa, uint64_t value) {
  result.value = value;
  ++result.count;
  if (op.expect == guest::Expect::kAnything) return;
  if (value == op.expected[0] || value == op.expected[1]) return;
  if (result.unexpected++ == 0) {
    result.unexpected_gpa = gpa;
    result.unexpected_value = value;
  }
}

bool IsWidth(uint32_t width, uint32_t most) {
  return width <= most && (width == 1 || width == 2 || width == 4 || width == 8);
}

bool HasItsWidth(const Op& op) {
  switch (op.code) {
    case OpCode::kRead:
    case OpCode::kWrite:
    case OpCode::kMove:
    case OpCode::kSpinUntil:
      return IsWidth(op.width, 8);
    case OpCode::kOut:
    case OpCode::kIn:
    case OpCode::kOutString:
    case OpCode::kInString:
      return IsWidth(op.width, 4);
    default:
      return true;
  }
}

uint64_t PartsOf(const Op& op) {
  switch (op.code) {
    case OpCode::kTouch:
    case OpCode::kWriteTouch:
      return (op.size + guest::kPageSize - 1) / guest::kPageSize;
    case OpCode::kFill:
    case OpCode::kChecksum:
      return op.size / sizeof(uint64_t);
    case OpCode::kMove:
    case OpCode::kOutString:
    case OpCode::kInString:
      return 2 * (op.size / op.width);
    case OpCode::kSwap:
    case OpCode::kAdd:
      return 2;
    default:
      return 1;
  }
}

// Whether two parts are one instruction.
bool HasTwoHalves(OpCode code) {
  return code == OpCode::kMove || code == OpCode::kInString || code == OpCode::kSwap ||
         code == OpCode::kAdd;
}

uint64_t Masked(uint64_t value, uint32_t width) {
  return width == 8 ? value : value & ((uint64_t{1} << 8 * width) - 1);
}

// Whether the loop that ends with `op` goes for another round.
bool GoesBack(const Op& op, OpResult& result, bool flag_is_up) {
  result.status = OpStatus::kOk;
  ++result.runs;
  ++result.count;
  ++result.value;
  const bool ends = op.value == 0 ? flag_is_up : result.value >= op.value;
  if (ends) result.value = 0;
  return !ends;
}

}  // namespace

ProgramRunner::Now ProgramRunner::Step() {
  const model::Slot* const slot =
      guest_.begun ? vm_.state.FindSlot(vm_.state.SpaceOf(vcpu_.number), model::PageOf(guest_.area))
                   : nullptr;
  if (slot == nullptr) {
    const bool never_ends = stay_.world().Planted(model::Bug::kRunWithoutTablesNeverEnds);
    return guest_.begun && never_ends ? Now::kWaits : Now::kLost;
  }
  if (slot->invalid) return Now::kWaits;
  now_ = Now::kRuns;
  return StepIn(*static_cast<guest::CpuArea*>(Pointer(HostAddressOf(*slot, {guest_.area}))));
}

ProgramRunner::Now ProgramRunner::StepIn(guest::CpuArea& area) {
  mailbox_ = &area.mailbox;
  if (guest_.op >= mailbox_->op_count) {
    const Op done{.code = OpCode::kOut, .width = 4, .args = {guest::kDonePort}};
    Out(done, mailbox_->cpu);
    return now_;
  }
  const Op& op = area.ops[guest_.op];
  OpResult& result = area.results[guest_.op];
  if (op.code == OpCode::kRepeat) {
    guest_.op = GoesBack(op, result, mailbox_->flag != 0) ? guest_.op - op.args[0] : guest_.op + 1;
    mailbox_->progress = mailbox_->progress + 1;
    return now_;
  }
  if (guest_.part == 0 && result.runs == 0 && !answered_) result.begin = StampTsc();
  if (!HasItsWidth(op)) {
    result.status = OpStatus::kUnknownOp;
    EndOp(area);
  } else if (guest_.part >= PartsOf(op)) {
    EndOp(area);
  } else if (const bool finishes = FinishesAnInstruction(); Do(op, result) == Part::kDone) {
    ++guest_.part;
    halfway_ = finishes && HasTwoHalves(op.code) && guest_.part % 2 == 1;
    vcpu_.regs.rip = guest::kImageGpa + ++guest_.retired;
    if (guest_.part >= PartsOf(op)) EndOp(area);
  } else if (page_fault_) {
    result.status = OpStatus::kFault;
    result.vector = kPageFault;
    result.cr2 = *std::exchange(page_fault_, std::nullopt);
    EndOp(area);
  }
  return now_;
}

void ProgramRunner::EndOp(guest::CpuArea& area) {
  OpResult& result = area.results[guest_.op];
  if (result.status == OpStatus::kNotRun) result.status = OpStatus::kOk;
  result.end = StampTsc();
  ++result.runs;
  ++guest_.op;
  guest_.part = guest_.scratch = 0;
  mailbox_->progress = mailbox_->progress + 1;
}

ProgramRunner::Part ProgramRunner::Do(const Op& op, OpResult& result) {
  const auto read = [&](uint64_t gpa, uint32_t width, model::Access kind) {
    return Load(gpa, width, kind, By::kGuest);
  };
  const auto wrote = [&](uint64_t gpa, uint32_t width, uint64_t value) {
    if (!Store(gpa, width, value, By::kGuest)) return Part::kStopped;
    ++result.count;
    return Part::kDone;
  };
  const uint64_t page = op.gpa + guest_.part * guest::kPageSize;
  const uint64_t word = op.gpa + guest_.part * sizeof(uint64_t);
  switch (op.code) {
    case OpCode::kRead:
    case OpCode::kTouch: {
      const uint64_t gpa = op.code == OpCode::kRead ? op.gpa : page;
      const auto value = read(gpa, op.code == OpCode::kRead ? op.width : 8, model::Access::kRead);
      if (!value) return Part::kStopped;
      Note(op, result, gpa, *value);
      return Part::kDone;
    }
    case OpCode::kWrite:
      return wrote(op.gpa, op.width, op.value);
    case OpCode::kWriteTouch:
      return wrote(page, 8, op.value);
    case OpCode::kFill:
      return wrote(word, 8, op.value);
    case OpCode::kPlant:
      return wrote(op.gpa, 8, guest::FunctionReturning(static_cast<uint32_t>(op.value)));
    case OpCode::kChecksum: {
      const auto value = read(word, 8, model::Access::kRead);
      if (!value) return Part::kStopped;
      result.value = guest_.scratch = guest::ChecksumStep(guest_.scratch, *value);
      ++result.count;
      return Part::kDone;
    }
    case OpCode::kExecute: {
      const auto code = read(op.gpa, 8, model::Access::kExecute);
      if (!code) return Part::kStopped;
      Note(op, result, op.gpa, *code >> 8 & 0xffffffff);
      return Part::kDone;
    }
    case OpCode::kSwap:
    case OpCode::kAdd:
      return DoExchange(op, result);
    case OpCode::kMove:
    case OpCode::kOutString:
    case OpCode::kInString:
      return DoString(op, result);
    case OpCode::kSpinUntil:
    case OpCode::kSpinUntilFlag:
      return DoSpin(op, result);
    case OpCode::kStamp:
      result.value = StampTsc();
      break;
    case OpCode::kHypercall:
      return DoHypercall(op, result);
    case OpCode::kOut:
      if (!Out(op, op.value)) return Part::kStopped;
      break;
    case OpCode::kIn: {
      const auto value = In(op);
      if (!value) return Part::kStopped;
      result.value = *value;
      break;
    }
    case OpCode::kHalt:
      if (!TakeAnswer()) {
        vcpu_.shared().exit_reason = KVM_EXIT_HLT;
        guest_.waits = true;
        now_ = Now::kLeft;
        return Part::kStopped;
      }
      break;
    case OpCode::kInvalidate:
    case OpCode::kReloadCr3:
      break;  // the imitated guest has no translations of its own
    default:
      result.status = OpStatus::kUnknownOp;
      return Part::kDone;
  }
  ++result.count;
  return Part::kDone;
}

// Element by element: first what is read, then what is written.
ProgramRunner::Part ProgramRunner::DoString(const Op& op, OpResult& result) {
  const uint64_t offset = guest_.part / 2 * op.width;
  const By by = op.code == OpCode::kMove ? By::kGuest : By::kKvm;
  if (guest_.part % 2 == 0) {
    const uint64_t source = (op.code == OpCode::kMove ? op.args[0] : op.gpa) + offset;
    const auto value =
        op.code == OpCode::kInString ? In(op) : Load(source, op.width, model::Access::kRead, by);
    if (!value) return Part::kStopped;
    guest_.scratch = *value;
    return Part::kDone;
  }
  const bool wrote = op.code == OpCode::kOutString
                         ? Out(op, guest_.scratch)
                         : Store(op.gpa + offset, op.width, guest_.scratch, by);
  if (!wrote) return Part::kStopped;
  ++result.count;
  return Part::kDone;
}

uint64_t Exchanged(const void* context, uint64_t found) {
  const Op& op = *static_cast<const Op*>(context);
  if (op.code == OpCode::kAdd) return found + op.value;
  return found == op.args[0] ? op.value : found;
}

// In memory both halves are one access; where an exit stands in for memory KVM makes two of them.
ProgramRunner::Part ProgramRunner::DoExchange(const Op& op, OpResult& result) {
  if (guest_.part == 1) {
    const bool wrote = Store(op.gpa, 8, Exchanged(&op, guest_.scratch), By::kGuest);
    return wrote ? Part::kDone : Part::kStopped;
  }
  const bool by_exit = answered_;
  Access access{.gpa = {op.gpa}, .kind = model::Access::kWrite};
  access.change = Exchanged;
  access.context = &op;
  if (by_exit) {
    access.value = *Load(op.gpa, 8, model::Access::kRead, By::kGuest);
  } else {
    const Reached reached = Reach(access);
    if (reached.how == Reached::How::kMmio) access.kind = model::Access::kRead;
    if (!Came(reached, access)) return Part::kStopped;
    ++guest_.part;  // the other half is made
  }
  guest_.scratch = access.value;
  const uint64_t count = result.count;
  Note(op, result, op.gpa, access.value);
  if (op.code == OpCode::kSwap) result.count = count + (access.value == op.args[0] ? 1 : 0);
  return Part::kDone;
}

ProgramRunner::Part ProgramRunner::DoSpin(const Op& op, OpResult& result) {
  if (op.code == OpCode::kSpinUntil) {
    const auto value = Load(op.gpa, op.width, model::Access::kRead, By::kGuest);
    if (!value) return Part::kStopped;
    result.value = *value;
    ++result.count;
    if (*value == op.value) return Part::kDone;
    if (mailbox_->flag != 0) {
      result.status = OpStatus::kStopped;
      return Part::kDone;
    }
  } else {
    ++result.count;
    if (mailbox_->flag != 0) return Part::kDone;
  }
  mailbox_->progress = mailbox_->progress + 1;
  return Part::kAgain;
}

ProgramRunner::Part ProgramRunner::DoHypercall(const Op& op, OpResult& result) {
  model::Operation request;
  request.vcpu = vcpu_.number;
  request.kind = TakeAnswer() ? model::Kind::kAnswerExit : model::Kind::kMapGpaRange;
  result.value = kUnknownHypercall;
  if (request.kind == model::Kind::kAnswerExit) {
    request.value = vcpu_.shared().hypercall.ret;
  } else {
    request.address = op.args[0];
    request.size = op.args[1] * guest::kPageSize;
    request.value = op.args[2];
  }
  if (op.value == KVM_HC_MAP_GPA_RANGE) {
    const model::Outcome outcome = Perform(stay_, vm_, request);
    if (outcome.exits) {
      LeaveForHypercall(op);
      return Part::kStopped;
    }
    if (outcome.error != Errno()) {
      failure_ = {.how = Reached::How::kFailed, .error = outcome.error};
      now_ = Now::kFailed;
      return Part::kStopped;
    }
    result.value = outcome.value;
  }
  ++result.count;
  return Part::kDone;
}

void ProgramRunner::LeaveForHypercall(const Op& op) {
  kvm_run& run = vcpu_.shared();
  run.exit_reason = KVM_EXIT_HYPERCALL;
  run.hypercall.nr = op.value;
  std::copy_n(op.args, 3, run.hypercall.args);
  run.hypercall.longmode = 1;
  if (!stay_.world().Planted(model::Bug::kAnswerIsNotPreset)) run.hypercall.ret = 0;
  guest_.waits = true;
  now_ = Now::kLeft;
}

// ------- Accesses --------------------------------------------------------------------------------

bool ProgramRunner::TakeAnswer() { return std::exchange(answered_, false); }

Reached ProgramRunner::Reach(Access& access) {
  if (access.gpa.value >= guest::kUpperHalf) {
    const std::optional<Gpa> gpa = Translate(stay_, vm_, vcpu_, access.gpa.value);
    if (!gpa) return {.how = Reached::How::kPageFault};
    access.gpa = *gpa;
  }
  if (access.kind != model::Access::kWrite) return Make(stay_, vm_, vcpu_, access);
  TrackedWrite tracked(stay_, vm_, vcpu_, access.gpa, access.width);
  const Reached reached = Make(stay_, vm_, vcpu_, access);
  if (reached.how == Reached::How::kMemory) tracked.Written();
  return reached;
}

bool ProgramRunner::Came(const Reached& reached, const Access& access) {
  if (reached.how == Reached::How::kMemory) return true;
  if (reached.how == Reached::How::kPageFault) {
    page_fault_ = access.gpa.value;
    return false;
  }
  if (reached.how == Reached::How::kMmio) {
    // Code can't be fetched from there.
    if (access.kind == model::Access::kExecute) {
      now_ = Now::kLost;
    } else {
      LeaveForMmio(access);
    }
  } else {
    failure_ = reached;
    now_ = Now::kFailed;
    const bool failed = reached.how == Reached::How::kFailed;
    if (failed && stay_.world().Planted(model::Bug::kFailedAccessIsSkipped)) ++guest_.part;
  }
  return false;
}

std::optional<uint64_t> ProgramRunner::Load(uint64_t gpa, uint32_t width, model::Access kind,
                                            By by) {
  if (TakeAnswer() && !stay_.world().Planted(model::Bug::kAnsweredLoadIsMadeAgain)) {
    uint64_t value = 0;
    std::memcpy(&value, vcpu_.shared().mmio.data, width);
    return value;
  }
  Access access{.gpa = {gpa}, .width = width, .kind = kind, .emulated = by == By::kKvm};
  if (!Came(Reach(access), access)) return std::nullopt;
  return access.value;
}

bool ProgramRunner::Store(uint64_t gpa, uint32_t width, uint64_t value, By by) {
  if (TakeAnswer() && !stay_.world().Planted(model::Bug::kToldStoreIsMadeAgain)) return true;
  Access access{.gpa = {gpa},
                .width = width,
                .kind = model::Access::kWrite,
                .emulated = by == By::kKvm,
                .value = Masked(value, width)};
  return Came(Reach(access), access);
}

void ProgramRunner::LeaveForMmio(const Access& access) {
  kvm_run& run = vcpu_.shared();
  run.exit_reason = KVM_EXIT_MMIO;
  run.mmio.phys_addr = access.gpa.value;
  if (stay_.world().Planted(model::Bug::kMmioIsRoundedDown)) {
    run.mmio.phys_addr &= ~(kPage.count - 1);
  }
  run.mmio.len = access.width;
  run.mmio.is_write = access.kind == model::Access::kWrite;
  std::memcpy(run.mmio.data, &access.value, sizeof access.value);
  guest_.waits = true;
  now_ = Now::kLeft;
}

void ProgramRunner::LeaveForPort(uint64_t port, uint32_t width, uint8_t direction) {
  kvm_run& run = vcpu_.shared();
  run.exit_reason = KVM_EXIT_IO;
  run.io.direction = direction;
  run.io.size = static_cast<uint8_t>(width);
  run.io.port = static_cast<uint16_t>(port);
  run.io.count = 1;
  run.io.data_offset = kPortPage;
  guest_.waits = true;
  now_ = Now::kLeft;
}

bool ProgramRunner::Out(const Op& op, uint64_t value) {
  if (TakeAnswer()) return true;
  std::memcpy(static_cast<char*>(vcpu_.run.data()) + kPortPage, &value, op.width);
  LeaveForPort(op.args[0], op.width, KVM_EXIT_IO_OUT);
  return false;
}

std::optional<uint64_t> ProgramRunner::In(const Op& op) {
  if (!TakeAnswer()) {
    LeaveForPort(op.args[0], op.width, KVM_EXIT_IO_IN);
    return std::nullopt;
  }
  uint64_t value = 0;
  std::memcpy(&value, static_cast<char*>(vcpu_.run.data()) + kPortPage, op.width);
  return value;
}

}  // namespace kct::imitation
