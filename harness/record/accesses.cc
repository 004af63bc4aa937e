// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/accesses.h"

#include <algorithm>

#include "harness/abi/uapi.h"
#include "harness/guest/exit.h"

namespace kct {
namespace {

using guest::Expect;
using guest::Op;
using guest::OpCode;
using guest::OpResult;
using guest::OpStatus;
using model::Access;

constexpr uint64_t kWord = 8;
constexpr uint64_t kPageBytes = model::kPageBytes;
// An operation on more pages than this is not taken apart.
constexpr uint64_t kMostPages = 8;

// A KVM_RUN that ended with an access to where no slot is, or to a read-only one.
struct MmioExit {
  uint64_t begin;
  uint64_t end;
  MemoryRange guest;
  Access access;
};

bool IsEmulated(const Op& op) {
  return op.code == OpCode::kOutString || op.code == OpCode::kInString ||
         op.code == OpCode::kMove || op.code == OpCode::kSwap || op.code == OpCode::kAdd;
}

// Where an operation writes; size 0: nowhere, or the program's own area.
MemoryRange WrittenBy(const Op& op) {
  switch (op.code) {
    case OpCode::kWrite:
      return {op.gpa, op.width};
    case OpCode::kPlant:
    case OpCode::kSwap:
    case OpCode::kAdd:
      return {op.gpa, kWord};
    case OpCode::kWriteTouch:
    case OpCode::kFill:
    case OpCode::kMove:
    case OpCode::kInString:
      return {op.gpa, op.size};
    default:
      return {0, 0};
  }
}

// Where an operation reads only; size 0: nowhere, or the program's own area.
MemoryRange ReadBy(const Op& op) {
  switch (op.code) {
    case OpCode::kRead:
    case OpCode::kSpinUntil:
      return {op.gpa, op.width};
    case OpCode::kExecute:
      return {op.gpa, kWord};
    case OpCode::kTouch:
    case OpCode::kChecksum:
    case OpCode::kOutString:
      return {op.gpa, op.size};
    case OpCode::kMove:
      return {op.args[0], op.size};
    default:
      return {0, 0};
  }
}

// Everything that one vCPU did.
class VcpuAccesses {
 public:
  VcpuAccesses(const VmEvents& vm, int32_t vcpu, GuestAccesses& out)
      : vcpu_(static_cast<uint8_t>(vcpu)), out_(out) {
    for (const VmEvents::Program& program : vm.programs) {
      if (program.vcpu == vcpu) programs_.push_back(program.run);
    }
    for (const VmEvents::Call& call : vm.calls) {
      const bool ours = call.on.kind == ObjectKind::kVcpu && call.on.number == vcpu;
      if (ours && call.taped.event->request == KVM_RUN) AddRun(*call.taped.event);
    }
  }

  void Add() {
    for (const MmioExit& mmio_exit : exits_) AddMmio(mmio_exit);
    for (const ProgramRun* run : programs_) AddProgram(*run);
  }

 private:
  void AddRun(const TapeEvent& event) {
    if (ProgramAt(event.begin) == nullptr) {
      out_.anything_from = std::min(out_.anything_from, event.begin);
    }
    const bool mmio = event.returned && event.ret == 0 && event.noted &&
                      event.note[0] == static_cast<uint64_t>(ExitKind::kMmio);
    if (!mmio) {
      last_was_mmio_ = false;
      return;
    }
    MmioExit mmio_exit{
        event.begin,
        event.end,
        {event.note[1], event.note[2]},
        event.note[3] == static_cast<uint64_t>(Direction::kWrite) ? Access::kWrite : Access::kRead};
    // The rest of an access that KVM has cut in pieces: it happened with the first of them.
    if (last_was_mmio_ &&
        exits_.back().guest.start + exits_.back().guest.size == mmio_exit.guest.start) {
      mmio_exit.begin = exits_.back().begin;
    }
    exits_.push_back(mmio_exit);
    last_was_mmio_ = true;
  }

  const ProgramRun* ProgramAt(uint64_t time) const {
    const ProgramRun* last = nullptr;
    for (const ProgramRun* run : programs_) {
      if (run->loaded <= time) last = run;
    }
    return last;
  }

  RecordedCall& AddCall(const model::Operation& op, uint64_t begin, uint64_t end) {
    RecordedCall& call = out_.calls.emplace_back();
    call.op = op;
    call.op.kind = model::Kind::kAccess;
    call.op.vcpu = vcpu_;
    call.begin = begin;
    call.end = end;
    return call;
  }

  void AddMmio(const MmioExit& mmio_exit) {
    const ProgramRun* run = ProgramAt(mmio_exit.begin);
    const bool emulated =
        run == nullptr || std::any_of(run->ops.begin(), run->ops.end(), IsEmulated);
    RecordedCall& call = AddCall(
        {.access = mmio_exit.access, .emulated = emulated, .address = mmio_exit.guest.start},
        mmio_exit.begin, mmio_exit.end);
    call.seen.mmio = true;
  }

  void AddProgram(const ProgramRun& run) {
    for (const Op& op : run.ops) {
      const bool anywhere =
          IsElsewhere(op.gpa) && (WrittenBy(op).size > 0 || op.code == OpCode::kExecute);
      if (anywhere) out_.anything_from = std::min(out_.anything_from, run.loaded);
    }
    const bool reports = run.ended != 0 && run.host_tsc;
    bool over = !reports;  // what comes now has not been reached, but for the first
    for (std::size_t i = 0; i < run.ops.size(); ++i) {
      const Op& op = run.ops[i];
      const bool exact = reports && !IsInLoop(run, i);
      if (!exact) {
        AddUnknown(op, run.loaded);
      } else if (run.results[i].runs == 1) {
        AddOperation(op, run.results[i]);
      } else if (!over) {
        over = true;
        AddUnknown(op, run.loaded);  // it may have begun
      }
    }
  }

  static bool IsInLoop(const ProgramRun& run, std::size_t index) {
    for (std::size_t i = index; i < run.ops.size(); ++i) {
      const Op& op = run.ops[i];
      if (op.code == OpCode::kRepeat && i - op.args[0] <= index) return true;
    }
    return false;
  }

  // Addresses that are translated by tables of the test's own stand for anything.
  static bool IsElsewhere(uint64_t address) { return address >= guest::kUpperHalf; }

  // An operation of which nobody knows how much of it happened, and when.
  void AddUnknown(const Op& op, uint64_t from) {
    if (WrittenBy(op).size > 0) out_.unknown_writes.push_back({WrittenBy(op), from, false});
    if (ReadBy(op).size > 0) out_.unknown_reads.push_back(ReadBy(op));
  }

  // The exit in the middle of an operation; nullptr: there was none.
  const MmioExit* ExitOf(const OpResult& result) const {
    const auto found = std::find_if(exits_.begin(), exits_.end(), [&](const MmioExit& mmio_exit) {
      return mmio_exit.end >= result.begin && mmio_exit.end <= result.end;
    });
    return found == exits_.end() ? nullptr : &*found;
  }

  // An operation that was done once, whole.
  void AddOperation(const Op& op, const OpResult& result) {
    if (IsElsewhere(op.gpa)) return;
    if (const MmioExit* left = ExitOf(result)) {
      // A write that user space got whole has not reached memory.
      if (op.code != OpCode::kWrite || left->guest != WrittenBy(op)) {
        AddUnknown(op, result.begin);
      }
      return;
    }
    const bool done = result.status == OpStatus::kOk ||
                      (op.code == OpCode::kSpinUntil && result.status == OpStatus::kStopped);
    if (!done) return AddUnknown(op, result.begin);
    switch (op.code) {
      case OpCode::kRead:
      case OpCode::kSpinUntil:  // what it found last
        return AddRead(op.gpa, op.width, result.value, result);
      case OpCode::kWrite:
        return AddWrite(op.gpa, op.width, op.value, result);
      case OpCode::kPlant:
        return AddWrite(op.gpa, kWord, guest::FunctionReturning(static_cast<uint32_t>(op.value)),
                        result);
      case OpCode::kExecute:
        AddCall({.access = Access::kExecute, .address = op.gpa}, result.begin, result.end);
        return;
      case OpCode::kTouch:
        return AddTouch(op, result);
      case OpCode::kWriteTouch:
        return AddWriteTouch(op, result);
      default:
        return AddUnknown(op, result.begin);
    }
  }

  static bool IsOneWord(uint64_t gpa, uint32_t width) { return width == kWord && gpa % kWord == 0; }

  void AddRead(uint64_t gpa, uint32_t width, uint64_t value, const OpResult& result) {
    if (gpa % kPageBytes + width > kPageBytes) out_.unknown_reads.push_back({gpa, width});
    RecordedCall& call = AddCall({.address = gpa}, result.begin, result.end);
    if (!IsOneWord(gpa, width)) return;
    call.op.size = kWord;
    call.seen.value = value;
  }

  void AddWrite(uint64_t gpa, uint32_t width, uint64_t value, const OpResult& result) {
    if (gpa % kPageBytes + width > kPageBytes) {
      out_.unknown_writes.push_back({{gpa, width}, result.begin, false});
      return;
    }
    RecordedCall& call =
        AddCall({.access = Access::kWrite, .address = gpa}, result.begin, result.end);
    if (IsOneWord(gpa, width)) {
      call.op.size = kWord;
      call.op.value = value;
    } else {
      out_.unknown_writes.push_back({{gpa, width}, result.begin, true});
    }
  }

  // All that it read is known where all that it could read was one value, and it was.
  void AddTouch(const Op& op, const OpResult& result) {
    const bool as_expected =
        op.expect == Expect::kOneOf && op.expected[0] == op.expected[1] && result.unexpected == 0;
    if (op.size > kMostPages * kPageBytes) return AddUnknown(op, result.begin);
    for (uint64_t offset = 0; offset < op.size; offset += kPageBytes) {
      const bool last = offset + kPageBytes >= op.size;
      AddRead(op.gpa + offset, as_expected || last ? kWord : 1,
              as_expected ? op.expected[0] : result.value, result);
    }
  }

  void AddWriteTouch(const Op& op, const OpResult& result) {
    if (op.size > kMostPages * kPageBytes) return AddUnknown(op, result.begin);
    for (uint64_t offset = 0; offset < op.size; offset += kPageBytes) {
      AddWrite(op.gpa + offset, kWord, op.value, result);
    }
  }

  uint8_t vcpu_;
  GuestAccesses& out_;
  std::vector<const ProgramRun*> programs_;
  std::vector<MmioExit> exits_;
  bool last_was_mmio_ = false;
};

}  // namespace

GuestAccesses AccessesOf(const VmEvents& vm) {
  GuestAccesses accesses;
  // The interpreter writes to what is its own.
  if (!vm.programs.empty()) {
    accesses.unknown_writes.push_back(
        {{guest::kTablesGpa, guest::kEndGpa - guest::kTablesGpa}, 0, false});
  }
  for (int32_t vcpu = 0; vcpu < vm.vcpus; ++vcpu) VcpuAccesses(vm, vcpu, accesses).Add();
  return accesses;
}

}  // namespace kct
