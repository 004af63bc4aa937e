// SPDX-License-Identifier: GPL-2.0-only
// interpreter: does the operations of its mailbox one after the other and notes what it saw.
//
// Ends with OUT of its vCPU's id to kDonePort.
// An exception in an operation is that operation's result and the program goes on with the next
// one; anywhere else it ends the program with OUT of the vector to kPanicPort. Runs on several
// vCPUs at once: everything it writes is in the area of its own vCPU.
#include "guest/abi.h"
#include "guest/access.h"

using namespace kct::guest;

namespace {

// Functions write their result as they go, not at their end: what they saw before an exception
// stays.
using Function = void (*)(const Op&, OpResult&);
extern "C" int GuestGuarded(Function function, const Op& op, OpResult& result);

Mailbox& OwnMailbox() {
  Mailbox* mailbox;
  asm("mov %%gs:%c1, %0" : "=r"(mailbox) : "i"(offsetof(Mailbox, self)));
  return *mailbox;
}

void MakeProgress() {
  Mailbox& mailbox = OwnMailbox();
  mailbox.progress = mailbox.progress + 1;
}
bool FlagIsUp() { return OwnMailbox().flag != 0; }

void Note(const Op& op, OpResult& result, uint64_t gpa, uint64_t value) {
  result.value = value;
  ++result.count;
  if (op.expect == Expect::kAnything) return;
  if (value == op.expected[0] || value == op.expected[1]) return;
  if (result.unexpected++ == 0) {
    result.unexpected_gpa = gpa;
    result.unexpected_value = value;
  }
}

bool HasWidth(const Op& op, OpResult& result, uint32_t most) {
  const bool good =
      op.width <= most && (op.width == 1 || op.width == 2 || op.width == 4 || op.width == 8);
  if (!good) result.status = OpStatus::kUnknownOp;
  return good;
}

uint64_t ReadWidth(uint64_t gpa, uint32_t width) {
  switch (width) {
    case 1:
      return ReadOnce<uint8_t>(gpa);
    case 2:
      return ReadOnce<uint16_t>(gpa);
    case 4:
      return ReadOnce<uint32_t>(gpa);
    default:
      return ReadOnce<uint64_t>(gpa);
  }
}

// ------- Memory ----------------------------------------------------------------------------------

void Read(const Op& op, OpResult& result) {
  if (!HasWidth(op, result, 8)) return;
  Note(op, result, op.gpa, ReadWidth(op.gpa, op.width));
}

void Write(const Op& op, OpResult& result) {
  if (!HasWidth(op, result, 8)) return;
  if (op.width == 1) WriteOnce<uint8_t>(op.gpa, static_cast<uint8_t>(op.value));
  if (op.width == 2) WriteOnce<uint16_t>(op.gpa, static_cast<uint16_t>(op.value));
  if (op.width == 4) WriteOnce<uint32_t>(op.gpa, static_cast<uint32_t>(op.value));
  if (op.width == 8) WriteOnce<uint64_t>(op.gpa, op.value);
  ++result.count;
}

void Touch(const Op& op, OpResult& result) {
  for (uint64_t offset = 0; offset < op.size; offset += kPageSize) {
    Note(op, result, op.gpa + offset, ReadOnce<uint64_t>(op.gpa + offset));
  }
}

void WriteTouch(const Op& op, OpResult& result) {
  for (uint64_t offset = 0; offset < op.size; offset += kPageSize, ++result.count) {
    WriteOnce<uint64_t>(op.gpa + offset, op.value);
  }
}

void Fill(const Op& op, OpResult& result) {
  for (uint64_t offset = 0; offset < op.size; offset += sizeof(uint64_t), ++result.count) {
    WriteOnce<uint64_t>(op.gpa + offset, op.value);
  }
}

void Checksum(const Op& op, OpResult& result) {
  uint64_t sum = 0;
  for (uint64_t offset = 0; offset < op.size; offset += sizeof(uint64_t), ++result.count) {
    sum = ChecksumStep(sum, ReadOnce<uint64_t>(op.gpa + offset));
  }
  result.value = sum;
}

void Swap(const Op& op, OpResult& result) {
  const uint64_t count = result.count;
  const uint64_t found = CompareAndSwap(op.gpa, op.args[0], op.value);
  Note(op, result, op.gpa, found);
  result.count = count + (found == op.args[0] ? 1 : 0);
}

void Add(const Op& op, OpResult& result) { Note(op, result, op.gpa, FetchAdd(op.gpa, op.value)); }

void Move(const Op& op, OpResult& result) {
  if (!HasWidth(op, result, 8)) return;
  MoveString(op.gpa, op.args[0], op.size / op.width, op.width);
  result.count += op.size / op.width;
}

void Execute(const Op& op, OpResult& result) {
  const auto function = reinterpret_cast<uint32_t (*)()>(op.gpa);
  Note(op, result, op.gpa, function());
}

void Plant(const Op& op, OpResult& result) {
  WriteOnce<uint64_t>(op.gpa, FunctionReturning(static_cast<uint32_t>(op.value)));
  ++result.count;
}

void Invalidate(const Op& op, OpResult& result) {
  asm volatile("invlpg (%0)" ::"r"(op.gpa) : "memory");
  ++result.count;
}

void ReloadCr3(const Op&, OpResult& result) {
  uint64_t cr3;
  asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3)::"memory");
  ++result.count;
}

// ------- Time and waiting ------------------------------------------------------------------------

void SpinUntil(const Op& op, OpResult& result) {
  if (!HasWidth(op, result, 8)) return;
  for (;;) {
    ++result.count;
    result.value = ReadWidth(op.gpa, op.width);
    if (result.value == op.value) return;
    if (FlagIsUp()) break;
    MakeProgress();
    Pause();
  }
  result.status = OpStatus::kStopped;
}

void SpinUntilFlag(const Op&, OpResult& result) {
  for (++result.count; !FlagIsUp(); ++result.count) {
    MakeProgress();
    Pause();
  }
}

void Stamp(const Op&, OpResult& result) {
  result.value = ReadTsc();
  ++result.count;
}

// ------- Exits on purpose ------------------------------------------------------------------------

bool IsAmd() {
  uint32_t eax = 0, ebx, ecx = 0, edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return ebx == 0x68747541 || ebx == 0x6f677948;  // "Auth", "Hygo"
}

void Hypercall(const Op& op, OpResult& result) {
  uint64_t rax = op.value;
  if (IsAmd()) {
    asm volatile("vmmcall"
                 : "+a"(rax)
                 : "b"(op.args[0]), "c"(op.args[1]), "d"(op.args[2]), "S"(op.args[3])
                 : "memory");
  } else {
    asm volatile("vmcall"
                 : "+a"(rax)
                 : "b"(op.args[0]), "c"(op.args[1]), "d"(op.args[2]), "S"(op.args[3])
                 : "memory");
  }
  result.value = rax;
  ++result.count;
}

void Out(const Op& op, OpResult& result) {
  if (!HasWidth(op, result, 4)) return;
  const auto port = static_cast<uint16_t>(op.args[0]);
  if (op.width == 1) Out8(port, static_cast<uint8_t>(op.value));
  if (op.width == 2) Out16(port, static_cast<uint16_t>(op.value));
  if (op.width == 4) Out32(port, static_cast<uint32_t>(op.value));
  ++result.count;
}

void In(const Op& op, OpResult& result) {
  if (!HasWidth(op, result, 4)) return;
  const auto port = static_cast<uint16_t>(op.args[0]);
  if (op.width == 1) result.value = In8(port);
  if (op.width == 2) result.value = In16(port);
  if (op.width == 4) result.value = In32(port);
  ++result.count;
}

void OutFromMemory(const Op& op, OpResult& result) {
  if (!HasWidth(op, result, 4)) return;
  OutString(static_cast<uint16_t>(op.args[0]), op.gpa, op.size / op.width, op.width);
  result.count += op.size / op.width;
}

void InToMemory(const Op& op, OpResult& result) {
  if (!HasWidth(op, result, 4)) return;
  InString(static_cast<uint16_t>(op.args[0]), op.gpa, op.size / op.width, op.width);
  result.count += op.size / op.width;
}

void Halt(const Op&, OpResult& result) {
  asm volatile("hlt" ::: "memory");
  ++result.count;
}

// ------- The program -----------------------------------------------------------------------------

void Unknown(const Op&, OpResult& result) { result.status = OpStatus::kUnknownOp; }

Function FunctionOf(OpCode code) {
  switch (code) {
    case OpCode::kRead:
      return Read;
    case OpCode::kWrite:
      return Write;
    case OpCode::kTouch:
      return Touch;
    case OpCode::kWriteTouch:
      return WriteTouch;
    case OpCode::kFill:
      return Fill;
    case OpCode::kChecksum:
      return Checksum;
    case OpCode::kSwap:
      return Swap;
    case OpCode::kAdd:
      return Add;
    case OpCode::kMove:
      return Move;
    case OpCode::kExecute:
      return Execute;
    case OpCode::kPlant:
      return Plant;
    case OpCode::kSpinUntil:
      return SpinUntil;
    case OpCode::kSpinUntilFlag:
      return SpinUntilFlag;
    case OpCode::kStamp:
      return Stamp;
    case OpCode::kHypercall:
      return Hypercall;
    case OpCode::kOut:
      return Out;
    case OpCode::kIn:
      return In;
    case OpCode::kOutString:
      return OutFromMemory;
    case OpCode::kInString:
      return InToMemory;
    case OpCode::kHalt:
      return Halt;
    case OpCode::kInvalidate:
      return Invalidate;
    case OpCode::kReloadCr3:
      return ReloadCr3;
    case OpCode::kRepeat:  // changes where the program goes on: see GuestMain
      break;
  }
  return Unknown;
}

void Run(const Op& op, OpResult& result) {
  const uint64_t begin = ReadTsc();
  if (result.runs == 0) result.begin = begin;
  if (GuestGuarded(FunctionOf(op.code), op, result) != 0 && result.status != OpStatus::kFault) {
    const Fault& fault = OwnMailbox().fault;
    result.status = OpStatus::kFault;
    result.vector = static_cast<uint32_t>(fault.vector);
    result.error_code = fault.error_code;
    result.cr2 = fault.cr2;
    result.rip = fault.rip;
  }
  if (result.status == OpStatus::kNotRun) result.status = OpStatus::kOk;
  CompleteWrites();
  result.end = ReadTsc();
  ++result.runs;
}

// Whether the loop that ends with `op` goes for another round. While it does, `value` counts its
// rounds; afterwards it is 0 again, for a loop inside a loop.
bool GoesBack(const Op& op, OpResult& result) {
  result.status = OpStatus::kOk;
  ++result.runs;
  ++result.count;
  ++result.value;
  const bool ends = op.value == 0 ? FlagIsUp() : result.value >= op.value;
  if (ends) result.value = 0;
  return !ends;
}

}  // namespace

extern "C" [[noreturn]] void GuestMain(CpuArea& area) {
  for (uint64_t i = 0; i < area.mailbox.op_count;) {
    const Op& op = area.ops[i];
    OpResult& result = area.results[i];
    if (op.code == OpCode::kRepeat) {
      i = GoesBack(op, result) ? i - op.args[0] : i + 1;
    } else {
      Run(op, result);
      ++i;
    }
    MakeProgress();
  }
  for (;;) Out32(kDonePort, static_cast<uint32_t>(area.mailbox.cpu));
}
